"""HEALPix maps in FITS files: binary tables of one column a map, one or many pixels a row.

The header of the table says nside and order, or else that of the file. Where none says nside the
number of pixels tells, and where none says the order it is RING, unless the configuration says
another. A table that lists its pixels, by ``INDXSCHM``, ``OBJECT`` or a column ``PIXEL``, is filled
up with UNSEEN where it shows a part of the sky only. Keywords are those of "The HEALPix Primer"
(Gorski, Wandelt, Hivon, Hansen, Banday 1999); how they are written, in capitals or not, does not
matter.
"""

import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.extras import import_extra
from deepsphere.sources.cosmo.skies import MOST_BYTES, UNSEEN, Sky
from deepsphere.sources.meshes.gzip_stream import GZIP_MAGIC

SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz")

_FITS_MAGIC = b"SIMPLE"
_DEFECTS = (
    OSError,
    EOFError,
    zlib.error,
    AttributeError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
)
_ORDERINGS = {"RING": False, "NESTED": True, "NEST": True}


def read_fits(content: Path | bytes, column: int | str, is_nested: bool | None) -> Sky:
    """Read a column of the first table of a FITS file.

    Parameters
    ----------
    content : Path or bytes
        The file, perhaps compressed with gzip, or its content.
    column : int or str
        Number of the column, that of pixel numbers left out, or its name.
    is_nested : bool or None
        Whether the pixels are in NESTED order, whatever the header says.

    Raises
    ------
    DeepsphereError
        If it is no such file, damaged, contradicts itself, has no such column, or healpy, which
        astropy comes with, is not installed.
    """
    fits = import_extra("astropy.io.fits", "cosmology")
    try:
        opened = _unpacked(content)
        with fits.open(opened, memmap=isinstance(opened, Path)) as units:
            return _read_table(_table(fits, units), units[0].header, column, is_nested)
    except (*_DEFECTS, fits.VerifyError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeepsphereError(f"is no HEALPix map in a FITS file ({detail})") from None


def _unpacked(content: Path | bytes) -> Path | io.BytesIO:
    """Return a FITS file; one that was compressed is in memory, and has the checksum of gzip."""
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as stream:
        head = stream.read(len(_FITS_MAGIC))
        if head.startswith(GZIP_MAGIC):
            stream.seek(0)
            # Read to its end: only there gzip finds out that something is wrong.
            content = gzip.GzipFile(fileobj=stream).read(MOST_BYTES + 1)
            if len(content) > MOST_BYTES:
                raise ValueError(f"it has more than {MOST_BYTES} bytes")
            head = content[: len(_FITS_MAGIC)]
    if head != _FITS_MAGIC:
        # astropy would decompress what else it knows, with packages that may be missing.
        raise ValueError(f"it begins {head!r}")
    return io.BytesIO(content) if isinstance(content, bytes) else content


def _table(fits: Any, units: Any) -> Any:
    """Return the first table of HEALPix, or the first table."""
    tables = [unit for unit in units if isinstance(unit, fits.BinTableHDU)]
    if not tables:
        raise DeepsphereError("holds no binary table, as HEALPix maps do, or is cut short")
    of_healpix = [unit for unit in tables if _stated([unit.header], "PIXTYPE") == "HEALPIX"]
    return (of_healpix or tables)[0]


def _read_table(table: Any, primary: Any, column: int | str, is_nested: bool | None) -> Sky:
    headers = (table.header, primary)
    pixels = _pixel_column(headers, table.columns.names)
    names = [name for name in table.columns.names if name != pixels]
    if column not in names and column not in range(len(names)):
        raise DeepsphereError(
            f"has the columns {', '.join(names) or 'of pixel numbers only'}; there is no {column!r}"
        )
    name = names[column] if isinstance(column, int) else column
    values = np.asarray(table.data[name]).ravel()
    nside = _nside(headers)
    if pixels is not None:
        values = _filled(np.asarray(table.data[pixels]).ravel(), values, nside)
    elif nside is not None and len(values) != 12 * nside**2:
        raise DeepsphereError(
            f"states nside {nside}, which has {12 * nside**2:,} pixels; its column {name} has "
            f"{len(values):,}"
        )
    return Sky(values, _is_nested(headers) if is_nested is None else is_nested)


def _stated(headers: Sequence[Any], key: str) -> str:
    """Return what the first header that has a key says, in capitals; empty if none does."""
    values = [header.get(key) for header in headers]
    # A key without a value has one of astropy's own.
    stated = [str(value) for value in values if isinstance(value, str | int | float)]
    return stated[0].strip().upper() if stated else ""


def _is_nested(headers: Sequence[Any]) -> bool:
    stated = _stated(headers, "ORDERING")
    if stated and stated not in _ORDERINGS:
        raise DeepsphereError(
            f"has the order {stated!a}; expected RING or NESTED: say which in `ordering`"
        )
    return _ORDERINGS.get(stated, False)


def _nside(headers: Sequence[Any]) -> int | None:
    stated = _stated(headers, "NSIDE")
    if not stated:
        return None
    nside = float(stated)
    if not (nside.is_integer() and nside > 0):
        raise DeepsphereError(f"states nside {stated}; expected a whole number above 0")
    return int(nside)


def _pixel_column(headers: Sequence[Any], names: Sequence[str]) -> str | None:
    """Return the column of pixel numbers, the first if none has that name; None if none lists."""
    named = [name for name in names if name.upper() == "PIXEL"]
    is_partial = _stated(headers, "OBJECT") == "PARTIAL"
    scheme = _stated(headers, "INDXSCHM") or ("EXPLICIT" if is_partial else "IMPLICIT")
    listing = [*named, *names] if scheme == "EXPLICIT" else named
    return listing[0] if listing else None


def _filled(pixels: NDArray[Any], values: NDArray[Any], nside: int | None) -> NDArray[Any]:
    """Return the whole map of which some pixels are listed."""
    if nside is None:
        raise DeepsphereError("lists its pixels, but states no NSIDE; add that to its header")
    count = 12 * nside**2
    if count * values.itemsize > MOST_BYTES:
        raise DeepsphereError(f"states nside {nside}; a whole sky of it is more than can be read")
    if len(values) != len(pixels):
        raise DeepsphereError(f"lists {len(pixels):,} pixels, but has {len(values):,} values")
    with np.errstate(invalid="ignore"):
        numbers = pixels.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= count or (numbers != pixels).any():
        raise DeepsphereError(
            f"lists pixels from {pixels.min()} to {pixels.max()}; those of nside {nside} are whole "
            f"numbers from 0 to {count - 1}"
        )
    is_listed = np.zeros(count, bool)
    is_listed[numbers] = True
    twice = len(pixels) - int(is_listed.sum())
    if twice:
        raise DeepsphereError(f"lists {twice:,} pixels more than once")
    # Narrow whole numbers cannot hold what stands for no value.
    whole = np.full(count, UNSEEN, np.result_type(values.dtype, np.float32))
    whole[numbers] = values
    return whole
