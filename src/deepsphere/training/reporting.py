"""How the user sees a run, while it goes on and afterwards.

On a terminal that is a bar with the time left, elsewhere a line in the log an epoch. Either way
``history.jsonl`` gets one line of JSON an epoch, and TensorBoard its curves if it is asked for.
"""

import json
import logging
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

from deepsphere.config.training import Training
from deepsphere.errors import DeepsphereError
from deepsphere.files import write_bytes
from deepsphere.training.progress import Progress

_LOG = logging.getLogger(__name__)


class Reporter:
    """Shows a run to the user, and writes its learning curve; to be used in a ``with`` block.

    Parameters
    ----------
    folder : Path
        Where ``history.jsonl`` goes.
    settings : Training
    batches : int
        Batches of an epoch.
    progress : Progress
        Where the run begins; what a killed one wrote after its last checkpoint is dropped.
    silent : bool
        Show and write nothing, as all processes of a training but the first.

    Raises
    ------
    DeepsphereError
        If the settings ask for TensorBoard and it is not installed.
    """

    def __init__(
        self,
        folder: Path,
        settings: Training,
        batches: int,
        progress: Progress,
        silent: bool,
    ) -> None:
        self._path = folder / "history.jsonl"
        self._epochs, self._silent = settings.epochs, silent
        self._first, self._began = progress.epoch, time.monotonic()
        self._tensorboard: Any = None
        if not silent:
            write_bytes(self._path, "".join(map(_line, progress.history)).encode())
            if settings.tensorboard:
                self._tensorboard = _open_tensorboard(folder / "tensorboard", progress.epoch)
        self._bar = tqdm(
            desc="training",
            unit="batch",
            total=batches * settings.epochs,
            initial=batches * progress.epoch + progress.batch,
            disable=silent or not sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()
        if self._tensorboard is not None:
            self._tensorboard.close()

    def step(self, batches: int) -> None:
        """Say that so many more batches are done."""
        self._bar.update(batches)

    def epoch(self, entry: dict[str, Any]) -> None:
        """Write and show the entry of an epoch in the history."""
        if self._silent:
            return
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(_line(entry))
        scores = {name: part for name, part in entry.items() if isinstance(part, dict)}
        if self._tensorboard is not None:
            values = {"loss": entry["loss"], "learning_rate": entry["learning_rate"]}
            for split, part in scores.items():
                values |= {f"{split}/{name}": value for name, value in part.items()}
            for name, value in values.items():
                self._tensorboard.add_scalar(name, value, entry["epoch"])
        text = f"loss {entry['loss']:.4g}"
        for split, part in scores.items():
            listed = ", ".join(f"{name} {value:.4g}" for name, value in part.items())
            text += f"; {split} {listed}"
        if not self._bar.disable:
            self._bar.set_postfix_str(text)
            return
        seconds = (time.monotonic() - self._began) / (entry["epoch"] - self._first)
        remaining = (self._epochs - entry["epoch"]) * seconds
        place = f"epoch {entry['epoch']}/{self._epochs}"
        _LOG.info("%s: %s (%.1f s an epoch, %.0f s left)", place, text, seconds, remaining)


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True) + "\n"


def _open_tensorboard(folder: Path, epoch: int) -> Any:
    """Return a writer that drops what an earlier process wrote after the epoch."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise DeepsphereError(
            "training.tensorboard: found true, but TensorBoard is not installed; "
            "install it (pip install tensorboard) or say false"
        ) from None
    return SummaryWriter(folder, purge_step=epoch + 1)
