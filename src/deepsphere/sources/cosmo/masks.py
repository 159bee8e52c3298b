"""Which part of the sky was seen: a map that is positive there."""

from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.reader import LOOSE, is_map, read_sky
from deepsphere.sources.cosmo.skies import Sky, averaged

_LEAST_SHARE = 0.5


def read_mask(raw: Path, name: str, nside: int, ordering: str | None) -> NDArray[np.bool_]:
    """Return which pixels are seen.

    Parameters
    ----------
    raw : Path
        The raw folder.
    name : str
        Name of the mask below it, or that of an archive, a slash, and a name in it: a HEALPix map
        whose nside is a power of two times the one asked for, or that divided by one. Pixels
        without value are not seen.
    nside : int
        What the answer is for.
    ordering : {"ring", "nested"} or None
        Order of its pixels; None takes what the file says.

    Returns
    -------
    ndarray of bool, shape (pixel,)
        NESTED. A pixel is seen if half of the smaller ones in it are, or the larger one around it
        is.

    Raises
    ------
    DeepsphereError
        If there is no such map, or it shows nothing.
    """
    place = PurePosixPath(name)
    file = next((path for path in (place, *place.parents) if (raw / path).is_file()), None)
    if file is None or not is_map(name):
        raise DeepsphereError(
            f"mask: {raw / name} is no file of a map; correct `mask` of the source"
        )
    archive = LOOSE if file == place else file.as_posix()
    try:
        sky = read_sky(raw, archive, name.removeprefix(f"{archive}/"), 0, ordering)
        # What is negative is UNSEEN, or as good as that; NaN is not larger than 0 either.
        shares = averaged(Sky(sky.values > 0, sky.is_nested), min(nside, sky.nside))
        finer, rest = divmod(nside, min(nside, sky.nside))
        if rest or finer & (finer - 1):
            raise DeepsphereError(f"has nside {sky.nside}, which does not fit the store's {nside}")
    except DeepsphereError as error:
        raise DeepsphereError(f"mask: {name} {error}") from None
    seen: NDArray[np.bool_] = np.repeat(shares >= _LEAST_SHARE, finer**2)
    if not seen.any():
        raise DeepsphereError(f"mask: {name} shows no pixel; it must be positive where it does")
    return seen
