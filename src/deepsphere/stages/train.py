"""Train a variant with a seed."""

import io
import logging
import platform
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from deepsphere.config.training import Training
from deepsphere.files import write_bytes, write_json
from deepsphere.locks import only_writer
from deepsphere.nn.digest import weights_digest
from deepsphere.provenance import code_digest
from deepsphere.registry import module_name
from deepsphere.stages.inputs import open_run
from deepsphere.training.devices import find_device, is_first_process, other_processes_may_end
from deepsphere.training.loop import train
from deepsphere.training.objectives import make_objective
from deepsphere.training.record import record_use

_LOG = logging.getLogger(__name__)
_KERNELS = {"cpu": "numba", "cuda": "triton"}
"""What compiles the loops of each device; there are others where it is missing."""


def run(settings: dict[str, Any], threads: int = 1) -> None:
    """Train, or go on training, and write the model, the learning curve and the manifest.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.train`.
    threads : int
        Threads of PyTorch on a CPU, of all processes of this machine together.
    """
    folder = Path(settings["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    threads = max(1, threads // settings["training"]["devices"])
    # The processes of the other devices start here as well: they belong to the one that writes.
    writes = is_first_process()
    with only_writer(Path(settings["manifest"]), wait=True) if writes else nullcontext():
        _train(settings, folder, threads, writes)


def _train(settings: dict[str, Any], folder: Path, threads: int, writes: bool) -> None:
    torch.set_num_threads(threads)
    inputs = open_run(settings)
    what = {name: settings[name] for name in ("task", "model", "training", "seed")}
    fingerprint = {
        **what,
        # The one shows the numbers and decides none, the other is not the device but a wish.
        "training": {
            **settings["training"],
            "tensorboard": None,
            "device": None,
            "recompute": None,
        },
        **inputs.digests,
        "code": code_digest(
            [
                "deepsphere.stages.train",
                module_name("tasks", settings["task"]["kind"]),
                module_name("models", settings["model"]["kind"]),
            ]
        ),
        "computed": _computed(find_device(settings["training"]["device"]), threads),
    }
    with other_processes_may_end():
        model, progress = train(
            inputs.build,
            inputs.samples,
            make_objective(inputs.samples.objective),
            Training.model_validate(settings["training"]),
            settings["seed"],
            folder,
            fingerprint,
        )
    if not writes:
        return
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
        "use": record_use(settings, inputs.store, inputs.samples),
        "selected_epoch": progress.best["epoch"] if progress.best else progress.epoch,
        "versions": {"torch": torch.__version__},
    }
    write_json(Path(settings["manifest"]), manifest)
    _LOG.info("trained %d parameters for %d epochs", parameters, progress.epoch)


def _computed(device: torch.device, threads: int) -> dict[str, Any]:
    """Return what decides the rounding of numbers, beside the code: where and with what they are
    computed.
    """
    kernels = _KERNELS[device.type]
    computed = {
        "device": device.type,
        "machine": platform.machine(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
        kernels: _version(kernels),
    }
    if device.type == "cuda":
        return computed | {"gpu": torch.cuda.get_device_name()}
    return computed | {"threads": threads}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
