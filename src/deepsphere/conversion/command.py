"""``deepsphere regrid``: users' own files to one zarr group or NetCDF file on a sampling."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from deepsphere.conversion.choosing import MethodOrAuto
from deepsphere.conversion.joining import join
from deepsphere.conversion.regridding import BLOCK_BYTES, regrid
from deepsphere.conversion.writing import CHUNK_BYTES, write_netcdf, write_zarr
from deepsphere.errors import DeepsphereError
from deepsphere.locks import lock_path, only_writer
from deepsphere.provenance import code_digest
from deepsphere.regridding.weights import Missing
from deepsphere.workers import Workers

_LOG = logging.getLogger(__name__)
_NETCDF = (".nc", ".nc4")
# Of the memory of a thread: a block as it is in the file, its numbers, and what is made of them.
_BLOCK_SHARE = 6


def regrid_files(
    inputs: Sequence[Path],
    output: Path,
    sampling: str,
    *,
    variables: Sequence[str] | None = None,
    method: MethodOrAuto = "auto",
    missing: Missing = "renormalize",
    winds: Sequence[tuple[str, str]] = (),
    labels: Sequence[str] = (),
    fractions: Mapping[str, Sequence[int]] | None = None,
    threads: int = 1,
    memory: int | None = None,
) -> None:
    """Regrid files and write the result, or finish what a killed run began.

    Parameters
    ----------
    inputs : sequence of Path
        Files or zarr groups; several are joined along time, whatever their order.
    output : Path
        A zarr group, or a NetCDF file if it ends with ``.nc`` or ``.nc4``. It appears when it is
        finished, and must not be there before. A zarr group that a killed run began is finished by
        the next one of the same inputs and options.
    sampling : str
        The target, such as ``"healpix:64"``.
    variables, method, missing, winds, labels, fractions
        See :func:`~deepsphere.conversion.regridding.regrid`.
    threads : int
        Threads to use.
    memory : int, optional
        Bytes to stay below, beside the weights and what the process needs anyway.

    Raises
    ------
    DeepsphereError
        If the output is there, an input is no file of fields, or they cannot be joined.
    """
    if not inputs:
        raise DeepsphereError("regrid: name a file to regrid")
    if output.exists():
        raise DeepsphereError(
            f"regrid: {output} exists; delete it, or give the result another name"
        )
    share = BLOCK_BYTES if memory is None else memory // threads // _BLOCK_SHARE
    options: dict[str, Any] = {
        "variables": None if variables is None else list(variables),
        "method": method,
        "missing": missing,
        "winds": [list(pair) for pair in winds],
        "labels": list(labels),
        "fractions": {name: list(classes) for name, classes in (fractions or {}).items()},
    }
    with only_writer(output):
        parts = [regrid(path, sampling, block_bytes=share, **options) for path in inputs]
        joined = join(parts, [str(path) for path in inputs])
        _LOG.info(
            "regridding %s of %s to %s",
            ", ".join(map(str, joined.data_vars)),
            inputs[0] if len(inputs) == 1 else f"{len(inputs)} files",
            sampling,
        )
        workers = Workers(threads)
        if output.suffix in _NETCDF:
            write_netcdf(joined, output, workers)
        else:
            fingerprint = {
                "inputs": [_identity(path) for path in inputs],
                "sampling": sampling,
                "options": options,
                "code": code_digest([__name__]),
            }
            write_zarr(joined, output, fingerprint, workers, min(share, CHUNK_BYTES))
        lock_path(output).unlink(missing_ok=True)
    _LOG.info("%s is finished: %s", output, _described(joined))


def wind_pairs(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return the names of the components of winds, each given as ``u,v``.

    Raises
    ------
    DeepsphereError
        If one is not that of two names.
    """
    pairs = []
    for text in texts:
        names = [name.strip() for name in text.split(",")]
        if len(names) != 2 or not all(names):
            raise DeepsphereError(f"regrid: a wind is two names such as u,v; found {text!r}")
        pairs.append((names[0], names[1]))
    return pairs


def class_lists(texts: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Return the classes of fields, each given as ``name=0,1,2``, or as a name for all its flags.

    Raises
    ------
    DeepsphereError
        If a class is no whole number.
    """
    lists = {}
    for text in texts:
        name, _, classes = text.partition("=")
        try:
            lists[name.strip()] = tuple(int(part) for part in classes.split(",") if part.strip())
        except ValueError:
            raise DeepsphereError(
                f"regrid: fractions are given as name=0,1,2; found {text!r}"
            ) from None
    return lists


def _identity(path: Path) -> dict[str, Any]:
    """Return what changes if a file does: its path, size and time, or those in a folder."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    found = [file.stat() for file in files if file.is_file()]
    return {
        "path": str(path.absolute()),
        "bytes": sum(status.st_size for status in found),
        "changed": max((status.st_mtime_ns for status in found), default=0),
    }


def _described(dataset: xr.Dataset) -> str:
    sizes = ", ".join(f"{name} {size}" for name, size in dataset.sizes.items())
    return f"{len(dataset.data_vars)} variables ({sizes})"
