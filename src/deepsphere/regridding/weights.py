"""How a method takes fields from one grid to one sampling: a sparse matrix, applied and kept.

Weights are built once for a grid, which all fields on it share: see
:func:`~deepsphere.regridding.build.build_weights`. Missing values are NaN; what becomes of them is
for whoever applies the weights to say.
"""

import hashlib
import io
import json
import math
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.files import canonical_json, write_bytes
from deepsphere.regridding.means import write_means
from deepsphere.samplings.intersections import SparseMatrix

Missing = Literal["propagate", "renormalize"]

# Rows sum to the share of a pixel that is covered; rounding takes it off 1 by less than this.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Weights:
    """A map from the values of a grid to the pixels of a sampling.

    Attributes
    ----------
    matrix : csr_array
        Shape (target, source), float64. Rows sum to the share of a target that the source covers:
        1, 0 where there is nothing, or in between at the border of a regional grid.
    method : str
        ``nearest``, ``bilinear`` or ``conservative``.
    source : dict
        Where the values come from, plain JSON; see ``description()`` of the grids.
    target : str
        Where they go, such as ``healpix:32``.

    Raises
    ------
    ValueError
        If the indices do not fit the shape, a weight is negative or not finite, or a row sums to
        more than 1.
    """

    matrix: SparseMatrix = field(repr=False)
    method: str
    source: dict[str, Any]
    target: str

    def __post_init__(self) -> None:
        self.matrix.check_format(full_check=True)
        object.__setattr__(self, "matrix", _compact(self.matrix))
        highest = float(self.shares.max(initial=0.0))
        data = self.matrix.data
        if not np.isfinite(data).all() or data.min(initial=0.0) < 0 or highest > 1 + _ROUNDING:
            raise ValueError(
                "weights must be positive and sum to 1 or less in every row; found "
                f"{data.min(initial=0.0)} to {data.max(initial=0.0)}, and a sum of {highest}"
            )

    @cached_property
    def shares(self) -> NDArray[np.float64]:
        """The share of each target that the source covers, 0 to 1, float64, shape (target,)."""
        sums: NDArray[np.float64] = self.matrix.sum(axis=1)
        return sums

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the weights are and what they are between, 64 hexadecimal digits."""
        digest = hashlib.sha256(canonical_json(self._header()).encode())
        for array in self._arrays().values():
            digest.update(array.tobytes())
        return digest.hexdigest()

    def apply(
        self,
        fields: ArrayLike,
        missing: Missing = "propagate",
        smallest_share: float = 0.5,
    ) -> NDArray[np.float32]:
        """Return fields on the target.

        Parameters
        ----------
        fields : array_like
            Numbers of any type, shape (..., source); NaN is missing. Sums are taken in float64.
        missing : {"propagate", "renormalize"}
            With ``propagate`` a target is NaN if any value of non-zero weight is missing, or a part
            of it is not covered. With ``renormalize`` it is the mean of the values that are there.
        smallest_share : float
            With ``renormalize``, a target of whose weight, out of 1, less than this is there is
            NaN; above 0, up to 1.

        Returns
        -------
        ndarray
            float32, shape (..., target).

        Raises
        ------
        ValueError
            If the last axis has another length, the numbers are complex or no numbers, or an option
            is none of these.
        """
        given = np.asarray(fields)
        targets, sources = self.matrix.shape
        if given.ndim < 1 or given.shape[-1] != sources or given.dtype.kind not in "biuf":
            raise ValueError(
                f"fields must be real numbers of shape (..., {sources}); found {given.dtype} of "
                f"shape {given.shape}"
            )
        if missing not in ("propagate", "renormalize") or not 0 < smallest_share <= 1:
            raise ValueError(
                "missing must be 'propagate' or 'renormalize', and the smallest share above 0 and "
                f"up to 1; found {missing!r} and {smallest_share}"
            )
        result = np.empty((math.prod(given.shape[:-1]), targets), np.float32)
        if missing == "propagate":
            divisors = np.where(self.shares < 1 - _ROUNDING, np.nan, 1.0)
            least = np.inf
        else:
            least = smallest_share - _ROUNDING
            divisors = np.where(self.shares < least, np.nan, self.shares)
        write_means(self.matrix, divisors, least, given.reshape(len(result), sources), result)
        return result.reshape(*given.shape[:-1], targets)

    def save(self, path: Path) -> None:
        """Write the weights to a file of NumPy's .npz format, whole or not at all."""
        header = canonical_json({**self._header(), "digest": self.digest})
        stream = io.BytesIO()
        arrays = self._arrays()
        np.savez(stream, header=np.frombuffer(header.encode(), np.uint8), **arrays)  # type: ignore[arg-type]
        write_bytes(path, stream.getvalue())

    def _header(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "source": self.source,
            "target": self.target,
            "shape": list(self.matrix.shape),
        }

    def _arrays(self) -> dict[str, NDArray[Any]]:
        return {
            "starts": _little_endian(self.matrix.indptr),
            "indices": _little_endian(self.matrix.indices),
            "data": _little_endian(self.matrix.data),
        }


def load_weights(path: Path) -> Weights:
    """Read weights that :meth:`Weights.save` wrote.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    DeepsphereError
        If the file is missing, is something else, or is not what was written.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
            arrays = archive["data"], archive["indices"], archive["starts"]
        matrix = csr_array(arrays, shape=tuple(header["shape"]))
        weights = Weights(matrix, header["method"], header["source"], header["target"])
        promised = header["digest"]
    except FileNotFoundError:
        raise DeepsphereError(f"weights: {path} does not exist; build them again") from None
    except (KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise DeepsphereError(
            f"weights: {path} holds no weights ({error}); delete it and build them again"
        ) from None
    if weights.digest != promised:
        raise DeepsphereError(
            f"weights: {path} is not what was written (SHA-256 {weights.digest}, expected "
            f"{promised}); delete it and build them again"
        )
    return weights


def _compact(matrix: SparseMatrix) -> SparseMatrix:
    """Return the matrix with sorted indices of 32 bits, where these suffice: they are read most."""
    largest = max(matrix.nnz, *matrix.shape)
    index = np.int32 if largest <= np.iinfo(np.int32).max else np.int64
    compact = matrix.astype(np.float64)
    compact.indices, compact.indptr = matrix.indices.astype(index), matrix.indptr.astype(index)
    compact.sort_indices()
    return compact


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array as it lies in the file, whatever the machine."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False)
