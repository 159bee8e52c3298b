"""Where a model is trained: on one device, or on several of one or more machines, each with its
process.

The processes of one machine are copies of the one that the user started, made by Fabric when the
training begins, or by ``torchrun``; those of several machines come from ``torchrun`` on each. They
know their number from ``LOCAL_RANK`` or, from ``torchrun``, ``RANK``. What else there is of those
names in an environment is not ours, and counts for nothing: job scripts of clusters export it, and
Slurm numbers its own tasks.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch import Tensor

from deepsphere.config.training import Training
from deepsphere.errors import DeepsphereError

_LAUNCHER = "DEEPSPHERE_LAUNCHER"
"""Environment variable with the number of the process that started copies of itself."""

_FOREIGN = ("LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE")
"""What Fabric would believe of the environment of a process that starts copies of itself."""

_LOST = ("Connection closed by peer", "Connection reset by peer")
"""What PyTorch says where another process has ended; it has no error of its own for that."""

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
    if TorchElasticEnvironment.detect():
        return int(os.environ["RANK"]) == 0
    return not _has_copies() or int(os.environ["LOCAL_RANK"]) == 0


def open_fabric(settings: Training) -> Fabric:
    """Return what runs a model on the devices of the settings, with its processes started.

    With several devices of one machine, and unless ``torchrun`` did it, the command of this process
    is started once more for each further device; the copies come to this line by themselves.

    Raises
    ------
    DeepsphereError
        If there are too few GPUs, ``torchrun`` started another number of processes, or there are
        several machines and no ``torchrun`` started them.
    """
    device, devices, nodes = find_device(settings.device), settings.devices, settings.nodes
    gpus = torch.cuda.device_count()
    if device.type == "cuda" and devices > gpus:
        raise DeepsphereError(
            f"training.devices: found {devices}, but PyTorch finds {gpus} GPUs; take as many"
        )
    started = TorchElasticEnvironment.detect()
    if started and int(os.environ["WORLD_SIZE"]) != devices * nodes:
        raise DeepsphereError(
            f"training.devices: found {devices} on each of {nodes} nodes, but torchrun started "
            f"{os.environ['WORLD_SIZE']} processes; make them equal"
        )
    if nodes > 1 and not started:
        raise DeepsphereError(
            f"training.nodes: found {nodes}, but this process was not started by torchrun; run "
            f"torchrun --nnodes {nodes} --nproc-per-node {devices} on each, or leave it to Slurm"
        )
    # Named, as Fabric would take the tasks of a Slurm job for processes of this training.
    fabric = Fabric(
        accelerator=device.type,
        devices=devices,
        num_nodes=nodes,
        strategy="ddp" if devices * nodes > 1 else "auto",
        precision=_PRECISIONS[settings.precision],
        plugins=[TorchElasticEnvironment() if started else LightningEnvironment()],
    )
    if devices * nodes > 1:
        # Fabric chooses a number of threads; that is the user's.
        threads = torch.get_num_threads()
        if not started and not _has_copies():
            for name in _FOREIGN:
                os.environ.pop(name, None)
            os.environ[_LAUNCHER] = str(os.getpid())
        fabric.launch()
        torch.set_num_threads(threads)
    elif _has_copies() and torch.distributed.is_initialized():
        # An earlier training of this process left it, and layers would wait for its processes.
        torch.distributed.destroy_process_group()
    return fabric


@contextmanager
def other_processes_may_end() -> Iterator[None]:
    """Say in one line that another process of this training ended, which says itself why.

    Raises
    ------
    DeepsphereError
        Within the ``with`` block, in place of what PyTorch raises.
    """
    try:
        yield
    except RuntimeError as error:
        if not any(text in str(error) for text in _LOST):
            raise
        raise DeepsphereError(
            "training: another of its processes ended, and said why; mend that and start again"
        ) from None


def _has_copies() -> bool:
    """Return whether this process started copies of itself, or is one.

    The number of the process tells a copy from other programs that inherit its environment.
    """
    return os.environ.get(_LAUNCHER) in (str(os.getpid()), str(os.getppid()))


def summed_over_devices(fabric: Fabric, tensor: Tensor) -> Tensor:
    """Return the sum of the tensors of all devices, which all must ask for together."""
    # Not by Fabric, which lets the devices wait for each other before.
    if fabric.world_size > 1:
        torch.distributed.all_reduce(tensor)
    return tensor
