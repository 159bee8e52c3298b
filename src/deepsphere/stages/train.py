"""Train a variant with a seed."""

import io
import logging
import platform
from pathlib import Path
from typing import Any

import torch

from deepsphere.config.training import Training
from deepsphere.files import digest_json, only_writer, write_bytes, write_json
from deepsphere.nn.digest import weights_digest
from deepsphere.provenance import code_digest
from deepsphere.registry import module_name
from deepsphere.stages.inputs import open_run
from deepsphere.training.devices import find_device
from deepsphere.training.loop import train

_LOG = logging.getLogger(__name__)


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Train, or go on training, and write the model, the learning curve and the manifest.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.train`.
    threads : int
        Threads of PyTorch on a CPU.
    """
    torch.set_num_threads(threads)
    folder = Path(settings["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder):
        _train(settings, folder, threads)


def _train(settings: dict[str, Any], folder: Path, threads: int) -> None:
    inputs = open_run(settings)
    what = {name: settings[name] for name in ("task", "model", "training", "seed")}
    fingerprint = {
        "settings": what,
        "inputs": inputs.digests,
        "code": code_digest(
            [
                "deepsphere.stages.train",
                module_name("tasks", settings["task"]["kind"]),
                module_name("models", settings["model"]["kind"]),
            ]
        ),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "device": find_device(settings["training"]["device"]).type,
        "threads": threads,
    }
    model, progress = train(
        inputs.build,
        inputs.samples,
        Training.model_validate(settings["training"]),
        settings["seed"],
        folder,
        digest_json(fingerprint),
    )
    weights = {name: value.cpu() for name, value in model.state_dict().items()}
    stream = io.BytesIO()
    torch.save(weights, stream)
    write_bytes(folder / "model.pt", stream.getvalue())
    parameters = sum(parameter.numel() for parameter in model.parameters())
    manifest = {
        "stage": "train",
        "experiment": settings["experiment"],
        "variant": settings["variant"],
        **what,
        "inputs": inputs.digests,
        "digest": weights_digest(weights),
        "parameters": parameters,
        "samples": {name: len(part) for name, part in inputs.samples.splits.items()},
        "selected_epoch": progress.best["epoch"] if progress.best else progress.epoch,
        "versions": {"torch": torch.__version__},
    }
    write_json(Path(settings["manifest"]), manifest)
    _LOG.info("trained %d parameters for %d epochs", parameters, progress.epoch)
