"""Checkpoints: tensors and plain data, written whole, and never used for another run."""

import io
import json
import logging
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from deepsphere.errors import DeepsphereError
from deepsphere.files import write_bytes

_LOG = logging.getLogger(__name__)
_DIGEST_LENGTH = 40
_NAMED = 5
_UNREADABLE = (OSError, EOFError, RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile)


def save_checkpoint(path: Path, fingerprint: Mapping[str, Any], content: dict[str, Any]) -> None:
    """Write a checkpoint in one step.

    Parameters
    ----------
    path : Path
    fingerprint : mapping
        All that decides the numbers of the run, as plain data that JSON can hold.
    content : dict
        Tensors and plain data.
    """
    stream = io.BytesIO()
    torch.save({"fingerprint": _plain(fingerprint), **content}, stream)
    write_bytes(path, stream.getvalue())


def load_checkpoint(path: Path, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the checkpoint of an unfinished run, or None if there is none of this run.

    A checkpoint of another run is set aside as ``checkpoint.stale.pt``, as going on from it would
    give numbers that no undisturbed run gives; a line in the log says what differs. So is one that
    cannot be read. What killed processes left half-written in its folder is deleted: no other
    process may be training this run.
    """
    for scratch in path.parent.glob(".*.scratch"):
        scratch.unlink()
    if not path.exists():
        return None
    try:
        content = load_tensors(path)
    except DeepsphereError:
        _set_aside(path, "is damaged")
        return None
    found = content.pop("fingerprint", None)
    if not isinstance(found, dict):
        _set_aside(path, "is no checkpoint of this version")
        return None
    differences = _differences(_plain(fingerprint), found)
    if differences:
        more = f" and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
        _set_aside(path, f"is of another run ({'; '.join(differences[:_NAMED])}{more})")
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
        # PyTorch writes checksums, but does not compare them.
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(broken)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise DeepsphereError(
            f"{path} cannot be read as tensors ({type(error).__name__}); delete it and train again"
        ) from None
    if not isinstance(content, dict):
        raise DeepsphereError(
            f"{path} holds a {type(content).__name__}, not tensors by their names; "
            "delete it and train again"
        )
    return content


def _set_aside(path: Path, why: str) -> None:
    stale = path.with_suffix(f".stale{path.suffix}")
    path.replace(stale)
    _LOG.warning("%s %s; set aside as %s, starting afresh", path, why, stale.name)


def _plain(fingerprint: Mapping[str, Any]) -> dict[str, Any]:
    """Return a fingerprint as it comes back from a file."""
    plain: dict[str, Any] = json.loads(json.dumps(fingerprint))
    return plain


def _differences(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return what differs, such as ``training.learning_rate: 0.001, was 0.01``."""
    present, past = _leaves(now), _leaves(before)
    lines = []
    for key in dict.fromkeys([*present, *past]):
        if key not in past or key not in present:
            lines.append(f"{key} {'was not there' if key in present else 'is no more'}")
        elif present[key] != past[key]:
            digest = isinstance(present[key], str) and len(present[key]) >= _DIGEST_LENGTH
            change = " changed" if digest else f": {present[key]}, was {past[key]}"
            lines.append(f"{key}{change}")
    return lines


def _leaves(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of nested mappings by their dotted keys."""
    result: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            result |= _leaves(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result
