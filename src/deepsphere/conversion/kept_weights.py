"""Weights that are built once: kept in memory, and in a folder where one is given."""

import hashlib
from collections import OrderedDict
from collections.abc import Hashable
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, cast

from deepsphere.files import digest_json
from deepsphere.provenance import code_digest
from deepsphere.regridding.build import Method, build_weights
from deepsphere.regridding.grid import Grid
from deepsphere.regridding.weights import Weights, load_weights
from deepsphere.samplings.sampling import Sampling

_MOST = 8
_kept: OrderedDict[str, Weights] = OrderedDict()
_lock = Lock()


def weights_for(
    grid: Grid, sampling: Sampling, method: Method, folder: Path | None = None
) -> Weights:
    """Return the weights from a grid to a sampling; the last eight are kept in memory.

    Parameters
    ----------
    grid : LatitudeLongitude or Points
        Where the values are.
    sampling : Sampling
        The target.
    method : {"nearest", "bilinear", "conservative"}
        How.
    folder : Path, optional
        Where weights lie that were built earlier, and these are put. Their name has a digest of
        the grid, the sampling and the code that builds them.

    Raises
    ------
    DeepsphereError
        If there are none by this method, no pixel lies in the grid, or a file is damaged.
    """
    key = digest_json(
        {
            "grid": grid.description(),
            "sampling": sampling.name,
            "positions": _positions_digest(cast(Hashable, sampling)),
            "method": method,
            "code": _code_digest(),
        }
    )
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
        else:
            _kept[key] = _stored(grid, sampling, method, folder, key)
            if len(_kept) > _MOST:
                _kept.popitem(last=False)
        weights = _kept[key]
    if folder is not None and not _path(folder, method, key).exists():
        weights.save(_path(folder, method, key))
    return weights


def _stored(
    grid: Grid, sampling: Sampling, method: Method, folder: Path | None, key: str
) -> Weights:
    if folder is not None and _path(folder, method, key).exists():
        return load_weights(_path(folder, method, key))
    return build_weights(grid, sampling, method)


@lru_cache(maxsize=4)
def _positions_digest(sampling: Any) -> str:
    """Return what tells samplings of one name apart, as those of stations."""
    return hashlib.sha256(sampling.positions.tobytes()).hexdigest()


@lru_cache(maxsize=1)
def _code_digest() -> str:
    return code_digest([build_weights.__module__])


def _path(folder: Path, method: Method, key: str) -> Path:
    return folder / f"{method}-{key[:16]}.npz"
