"""Checkpoints: tensors and plain data, written whole, and never used for another run."""

import io
import logging
import pickle
from pathlib import Path
from typing import Any

import torch

from deepsphere.errors import DeepsphereError
from deepsphere.files import write_bytes

_LOG = logging.getLogger(__name__)


def save_checkpoint(path: Path, fingerprint: str, content: dict[str, Any]) -> None:
    """Write a checkpoint in one step.

    Parameters
    ----------
    path : Path
    fingerprint : str
        Digest of all that decides the numbers of the run.
    content : dict
        Tensors and plain data.
    """
    stream = io.BytesIO()
    torch.save({"fingerprint": fingerprint, **content}, stream)
    write_bytes(path, stream.getvalue())


def load_checkpoint(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Return the checkpoint of an unfinished run, or None if there is none of this run.

    A checkpoint of another run is set aside as ``checkpoint.stale.pt``: going on from it would
    give numbers that no undisturbed run gives.
    """
    if not path.exists():
        return None
    content = load_tensors(path)
    if content.pop("fingerprint") != fingerprint:
        _LOG.info(
            "%s is of another run (other settings, code, data, device or threads); starting afresh",
            path,
        )
        path.replace(path.with_suffix(f".stale{path.suffix}"))
        return None
    return content


def load_tensors(path: Path) -> dict[str, Any]:
    """Return what a file of tensors and plain data holds, on the CPU.

    Raises
    ------
    DeepsphereError
        If the file is missing or damaged, or holds anything else.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise DeepsphereError(
            f"{path} cannot be read as tensors ({type(error).__name__}); delete it and train again"
        ) from None
    return content
