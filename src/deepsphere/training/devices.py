"""Where a model is trained."""

import torch

from deepsphere.errors import DeepsphereError


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
