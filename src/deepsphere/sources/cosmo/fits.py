"""HEALPix maps in FITS files: binary tables of one column a map, one or many pixels a row.

The header says nside and order. Where it lacks nside the number of pixels tells, and where it lacks
the order it is RING, unless the configuration says another. Maps of a part of the sky that list
their pixels are filled up with UNSEEN.
"""

import gzip
import io
import zlib
from pathlib import Path
from typing import Any

from deepsphere.errors import DeepsphereError
from deepsphere.extras import import_extra
from deepsphere.sources.cosmo.skies import Sky
from deepsphere.sources.meshes.gzip_stream import GZIP_MAGIC

SUFFIXES = (".fits", ".fit", ".fits.gz", ".fit.gz")

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
        If it is no such file, damaged, has no such column, or healpy is not installed.
    """
    fits = import_extra("astropy.io.fits", "cosmology")
    healpy = import_extra("healpy", "cosmology")
    opened = content if isinstance(content, Path) else _stream(content)
    try:
        with fits.open(opened, memmap=isinstance(opened, Path)) as units:
            number = _table(fits, units)
            _check_column(units[number], column)
            values = healpy.read_map(units, field=(column,), hdu=number, nest=None)
            stated = str(units[number].header.get("ORDERING", "")).strip().upper()
    except (*_DEFECTS, fits.VerifyError) as error:
        detail = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DeepsphereError(f"is no HEALPix map in a FITS file ({detail})") from None
    if is_nested is None:
        if stated and stated not in _ORDERINGS:
            raise DeepsphereError(
                f"has the order {stated!a}; expected RING or NESTED: say which in `ordering`"
            )
        is_nested = _ORDERINGS.get(stated, False)
    return Sky(values, is_nested)


def _stream(content: bytes) -> io.IOBase:
    stream = io.BytesIO(content)
    # astropy decompresses files, but not streams.
    return gzip.GzipFile(fileobj=stream) if content.startswith(GZIP_MAGIC) else stream


def _table(fits: Any, units: Any) -> int:
    """Return the number of the first table of HEALPix, or of the first table."""
    tables = [place for place, unit in enumerate(units) if isinstance(unit, fits.BinTableHDU)]
    if not tables:
        raise DeepsphereError("holds no binary table, as HEALPix maps do")
    of_healpix = [
        place
        for place in tables
        if str(units[place].header.get("PIXTYPE", "")).strip().upper() == "HEALPIX"
    ]
    return (of_healpix or tables)[0]


def _check_column(table: Any, column: int | str) -> None:
    header = table.header
    is_listed = "EXPLICIT" in str(header.get("INDXSCHM", "")) or "PARTIAL" in str(
        header.get("OBJECT", "")
    )
    names = table.columns.names[1 if is_listed else 0 :]
    if column not in names and column not in range(len(names)):
        raise DeepsphereError(
            f"has the columns {', '.join(names) or 'of pixel numbers only'}; there is no {column!r}"
        )
