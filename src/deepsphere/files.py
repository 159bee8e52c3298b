"""Files that are either whole or not there.

Everything that a stage publishes is written beside its final name, synced and renamed, so a
process that is killed leaves the old file or none. Small outputs go through :func:`write_bytes` or
:func:`write_json`; folders through :func:`open_scratch` and :func:`publish_folder`, which also let
a later run continue the work of a killed one if, and only if, its fingerprint is the same.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from deepsphere.errors import DeepsphereError

_FINGERPRINT = "fingerprint.json"
_BLOCK_BYTES = 1 << 20


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def canonical_json(value: Any, sort_keys: bool = True) -> str:
    """Return JSON text that is the same for equal values: sorted keys, no NaN, final newline."""
    text = json.dumps(value, sort_keys=sort_keys, indent=2, allow_nan=False, ensure_ascii=False)
    return text + "\n"


def digest_json(value: Any) -> str:
    """Return the SHA-256 of :func:`canonical_json` of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one step: a reader sees the old content or all of the new one."""
    with written_whole(path) as stream:
        stream.write(content)


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Give a stream to what becomes a file when the block ends, and nothing if it raises.

    Where :func:`write_bytes` would need too much memory.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.scratch")
    try:
        with scratch.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_json(path: Path, value: Any, sort_keys: bool = True) -> None:
    """Write :func:`canonical_json` of a value in one step.

    Tables keep the order of their rows with ``sort_keys=False``.
    """
    write_bytes(path, canonical_json(value, sort_keys).encode())


def read_json(path: Path, what: str) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What the file should be, for the error message ("manifest of the store ghcn").

    Raises
    ------
    DeepsphereError
        If the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DeepsphereError(
            f"{what}: {path} does not exist; run the stage that makes it"
        ) from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DeepsphereError(
            f"{what}: {path} is not JSON ({error}); delete it and rerun"
        ) from None


def open_scratch(target: Path, fingerprint: dict[str, Any]) -> Path:
    """Return the folder in which ``target`` is being made, with what a killed run left in it.

    The folder is a hidden sibling of ``target``. It is kept from run to run while the fingerprint
    (the settings, code and inputs that decide the content) stays the same. A scratch with another
    fingerprint is deleted first, so nothing of it can reach the new output.

    Parameters
    ----------
    target : Path
        Folder that :func:`publish_folder` will create, or file beside which the scratch is wanted.
    fingerprint : dict
        Plain data that decides the content of ``target``.

    Returns
    -------
    Path
        An existing folder; empty, or holding the unfinished work of an identical run.
    """
    scratch = target.with_name(f".{target.name}.scratch")
    record = scratch / _FINGERPRINT
    expected = canonical_json(fingerprint).encode()
    if scratch.exists() and not (record.exists() and record.read_bytes() == expected):
        # The record goes first: a folder half deleted by a killed run must not pass for whole.
        record.unlink(missing_ok=True)
        shutil.rmtree(scratch)
    if not scratch.exists():
        scratch.mkdir(parents=True)
        write_bytes(record, expected)
    return scratch


@contextmanager
def empty_scratch(target: Path) -> Iterator[Path]:
    """Give an empty folder beside a file that is being made, for what is larger than memory.

    It is gone when the block ends; what a killed run left there, when it begins. Of several
    processes, only one may be making the file.
    """
    scratch = target.with_name(f".{target.name}.scratch")
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch)


def publish_folder(content: Path, target: Path) -> None:
    """Give a finished folder its name, replacing what stood there.

    A process killed in between leaves the old folder, none, or the new one, each whole.

    Parameters
    ----------
    content : Path
        The finished folder, on the same file system as ``target``.
    target : Path
        Its final name.
    """
    for folder, _, names in os.walk(content):
        for name in names:
            descriptor = os.open(Path(folder) / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    replaced = target.with_name(f".{target.name}.replaced")
    if replaced.exists():
        shutil.rmtree(replaced)
    if target.exists():
        target.rename(replaced)
    content.rename(target)
    sync_folder(target.parent)
    if replaced.exists():
        shutil.rmtree(replaced)


def sync_folder(folder: Path) -> None:
    """Make the renames in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
