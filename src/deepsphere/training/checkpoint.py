"""Checkpoints: tensors and plain data, written whole, and never used for another run."""

import hashlib
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
_ASIDE_DIGITS = 12
_MOST_ASIDE = 3
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

    A checkpoint of another run is set aside, as going on from it would give numbers that no
    undisturbed run gives; a line in the log says what differs. Its name is then
    ``checkpoint.<digest>.stale.pt``, of its fingerprint: a run that has this one takes it back. The
    last three of these are kept.
    What cannot be read is set aside as ``checkpoint.damaged.pt``. What killed processes left
    half-written in its folder is deleted: no other process may be training this run.
    """
    for scratch in path.parent.glob(".*.scratch"):
        if scratch.is_file():
            scratch.unlink()
    content = _load_own(path, fingerprint) if path.exists() else None
    aside = _aside(path, _plain(fingerprint))
    if content is None and aside.exists():
        _LOG.info("%s is of this run; taken back", aside)
        aside.replace(path)
        content = _load_own(path, fingerprint)
    _forget_oldest(path)
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


def _load_own(path: Path, fingerprint: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a checkpoint, or set it aside and return None if it is not one of this run."""
    damaged = path.with_suffix(f".damaged{path.suffix}")
    try:
        content = load_tensors(path)
    except DeepsphereError:
        _set_aside(path, damaged, "is damaged")
        return None
    found = content.pop("fingerprint", None)
    if not isinstance(found, dict):
        _set_aside(path, damaged, "is no checkpoint of this version")
        return None
    differences = _differences(_plain(fingerprint), found)
    if differences:
        more = f" and {len(differences) - _NAMED} more" if len(differences) > _NAMED else ""
        why = f"is of another run ({'; '.join(differences[:_NAMED])}{more})"
        _set_aside(path, _aside(path, found), why)
        return None
    return content


def _set_aside(path: Path, aside: Path, why: str) -> None:
    path.replace(aside)
    _LOG.warning("%s %s; set aside as %s", path, why, aside.name)


def _forget_oldest(path: Path) -> None:
    """Delete what was set aside before the last few: every change of the code makes another run."""
    aside = path.parent.glob(f"{path.stem}.*.stale{path.suffix}")
    for stale in sorted(aside, key=lambda one: one.stat().st_mtime_ns)[:-_MOST_ASIDE]:
        stale.unlink()


def _aside(path: Path, fingerprint: dict[str, Any]) -> Path:
    """Return where a checkpoint of a fingerprint is kept while another run has its place."""
    digest = hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()
    return path.with_suffix(f".{digest[:_ASIDE_DIGITS]}.stale{path.suffix}")


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
