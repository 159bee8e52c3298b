"""The inventory of a store: every file with its size and SHA-256, and the digests made of them.

The digest of an array covers its metadata and the digests of its chunk files; the digest of a store
covers its attributes and the digests of its arrays. Chunk files can thus be hashed one by one, by
whoever writes them, and one promised digest is enough to check every byte of a store. Metadata
count by their content, not by how zarr lays out the JSON.
"""

from pathlib import Path
from typing import Any, Literal

from deepsphere.errors import DeepsphereError
from deepsphere.files import digest_json, read_json, sha256_file

INVENTORY = "inventory.json"
ZARR = "data.zarr"
Verification = Literal["auto", "full", "sizes"]

_METADATA = "zarr.json"
_FULL_BYTES = 1_000_000_000
_ADVICE = "delete its manifest (the .json beside it) and rerun the store stage"


def file_record(path: Path) -> dict[str, Any]:
    """Return the size in bytes and the SHA-256 of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256_file(path)}


def take_inventory(
    group: Path, known: dict[str, dict[str, dict[str, Any]]] | None = None
) -> dict[str, Any]:
    """Return the inventory of a zarr group.

    Parameters
    ----------
    group : Path
        A zarr 3 group that holds arrays, in any layout.
    known : dict, optional
        Records of files that were hashed already: array name, then path inside the array.

    Returns
    -------
    dict
        Plain data: ``group`` (digest of the group's metadata) and ``arrays``, each with ``shape``,
        ``dtype``, ``dimensions``, ``chunk``, ``metadata`` (its digest) and ``files``.
    """
    arrays = {}
    for path in sorted(group.glob(f"*/{_METADATA}")):
        folder = path.parent
        metadata = read_json(path, "zarr metadata")
        records = (known or {}).get(folder.name, {})
        names = sorted(
            file.relative_to(folder).as_posix()
            for file in folder.rglob("*")
            if file.is_file() and file != path
        )
        arrays[folder.name] = {
            "shape": metadata["shape"],
            "dtype": metadata["data_type"],
            "dimensions": metadata.get("dimension_names"),
            "chunk": metadata["chunk_grid"]["configuration"]["chunk_shape"],
            "metadata": digest_json(metadata),
            "files": {name: records.get(name) or file_record(folder / name) for name in names},
        }
    return {"group": digest_json(read_json(group / _METADATA, "zarr metadata")), "arrays": arrays}


def summarize(inventory: dict[str, Any]) -> dict[str, Any]:
    """Return what a manifest says of a store.

    Returns
    -------
    dict
        ``digest`` of the store, ``bytes`` of its chunk files, and ``arrays``, each with ``shape``,
        ``dtype``, ``dimensions``, ``chunk`` (samples, cells, channels of one file) and ``digest``.
    """
    arrays = {
        name: {
            **{key: array[key] for key in ("shape", "dtype", "dimensions", "chunk")},
            "digest": digest_json({"metadata": array["metadata"], "files": array["files"]}),
        }
        for name, array in inventory["arrays"].items()
    }
    digests = {name: array["digest"] for name, array in arrays.items()}
    return {
        "digest": digest_json({"group": inventory["group"], "arrays": digests}),
        "bytes": _bytes(inventory),
        "arrays": arrays,
    }


def check_store(folder: Path, digest: str | None, verify: Verification = "auto") -> None:
    """Raise DeepsphereError unless a store is whole and is the one that was promised.

    Parameters
    ----------
    folder : Path
        The store: ``data.zarr`` and its inventory.
    digest : str, optional
        SHA-256 that the store's manifest promises; without it the inventory is believed.
    verify : {"auto", "full", "sizes"}
        How chunk files are compared with the inventory: by content, or only by size; ``"auto"``
        reads the content of stores below 1 GB. Metadata are always compared by content.
    """
    inventory = read_json(folder / INVENTORY, f"inventory of the store {folder}")
    try:
        found = summarize(inventory)["digest"]
    except (KeyError, TypeError, AttributeError):
        raise DeepsphereError(
            f"store {folder}: {INVENTORY} is not an inventory; {_ADVICE}"
        ) from None
    if digest is not None and found != digest:
        raise DeepsphereError(f"store {folder}: expected digest {digest}, found {found}; {_ADVICE}")
    full = verify == "full" or (verify == "auto" and _bytes(inventory) < _FULL_BYTES)
    group = folder / ZARR
    _check_metadata(group, inventory["group"])
    for name, array in inventory["arrays"].items():
        _check_metadata(group / name, array["metadata"])
        for file, expected in array["files"].items():
            _check_file(group / name / file, expected, full)


def _check_metadata(folder: Path, expected: str) -> None:
    path = folder / _METADATA
    found = digest_json(read_json(path, f"store {folder}"))
    if found != expected:
        raise DeepsphereError(
            f"store: {path} was changed: expected digest {expected}, found {found}; {_ADVICE}"
        )


def _check_file(path: Path, expected: dict[str, Any], full: bool) -> None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise DeepsphereError(f"store: the chunk {path} is missing; {_ADVICE}") from None
    if size != expected["bytes"]:
        raise DeepsphereError(
            f"store: the chunk {path} was changed: expected {expected['bytes']} bytes, "
            f"found {size}; {_ADVICE}"
        )
    if full and (found := sha256_file(path)) != expected["sha256"]:
        raise DeepsphereError(
            f"store: the chunk {path} was changed: expected SHA-256 {expected['sha256']}, "
            f"found {found}; {_ADVICE}"
        )


def _bytes(inventory: dict[str, Any]) -> int:
    return sum(
        file["bytes"] for array in inventory["arrays"].values() for file in array["files"].values()
    )
