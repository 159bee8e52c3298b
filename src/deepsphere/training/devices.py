"""Where a model is trained: on one device, or on several of one machine, each with its process.

The processes of several devices are copies of the one that the user started, made by Fabric when
the training begins, or by ``torchrun``. Either way they know their number from ``LOCAL_RANK``.
"""

import os
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import Tensor

from deepsphere.config.training import Training
from deepsphere.errors import DeepsphereError

_PRECISIONS: dict[str, Any] = {"float32": "32-true", "bf16": "bf16-mixed"}


def find_device(name: str) -> torch.device:
    """Return the device that the configuration names.

    Parameters
    ----------
    name : {"auto", "cpu", "cuda"}
        ``auto`` is a GPU where there is one, else the CPU.

    Raises
    ------
    DeepsphereError
        If a GPU is asked for and there is none.
    """
    found = torch.cuda.is_available()
    if name == "cuda" and not found:
        raise DeepsphereError(
            "training.device: found 'cuda', but PyTorch finds no GPU here; use auto or cpu"
        )
    return torch.device("cuda" if found and name != "cpu" else "cpu")


def is_first_process() -> bool:
    """Return whether this process is the one that writes; the others of a training only compute.

    It holds before the processes are started, too: then there is but the first.
    """
    return int(os.environ.get("LOCAL_RANK", 0)) == 0


def open_fabric(settings: Training) -> Fabric:
    """Return what runs a model on the devices of the settings, with its processes started.

    With several devices, and unless ``torchrun`` did it, the command of this process is started
    once more for each further device; the copies come to this line by themselves.

    Raises
    ------
    DeepsphereError
        If there are too few GPUs, or ``torchrun`` started another number of processes.
    """
    device, devices = find_device(settings.device), settings.devices
    gpus = torch.cuda.device_count()
    if device.type == "cuda" and devices > gpus:
        raise DeepsphereError(
            f"training.devices: found {devices}, but PyTorch finds {gpus} GPUs; take as many"
        )
    started = TorchElasticEnvironment.detect()
    if started and int(os.environ["WORLD_SIZE"]) != devices:
        raise DeepsphereError(
            f"training.devices: found {devices}, but torchrun started "
            f"{os.environ['WORLD_SIZE']} processes; make them equal"
        )
    # Named, as Fabric would take the tasks of a Slurm job for processes of this training.
    fabric = Fabric(
        accelerator=device.type,
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        precision=_PRECISIONS[settings.precision],
        plugins=[TorchElasticEnvironment() if started else LightningEnvironment()],
    )
    if devices > 1:
        fabric.launch()
    return fabric


def summed_over_devices(fabric: Fabric, tensor: Tensor) -> Tensor:
    """Return the sum of the tensors of all devices, which all must ask for together."""
    # Not by Fabric, which lets the devices wait for each other before.
    if fabric.world_size > 1:
        torch.distributed.all_reduce(tensor)
    return tensor
