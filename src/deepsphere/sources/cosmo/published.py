"""The published data set: 30 skies of each of two universes, on Zenodo on request.

Perraudin, Defferrard, Kacprzak, Sgier: DeepSphere, Astronomy and Computing 27 (2019), record
10.5281/zenodo.1303272. The names of the files say the universe and the seed of its initial
conditions: ``kappa_omega_m_0p26_s_7.npy``. Universes of one seed have the same initial conditions.
"""

import re
from pathlib import PurePosixPath

from deepsphere.sources.cosmo.entries import Entry
from deepsphere.sources.meshes.entries import Split, find_split

RECORD = "10.5281/zenodo.1303272"
MIRROR = "https://zenodo.org/record/1303272/files"

ARCHIVES = {
    "training.zip": "md5:6b0f5072481397fa8842ef99524b5482",
    "testing.zip": "md5:62757429ebb0a257c3d54775e08c9512",
}
"""The publisher's hash of each archive."""

SIGMA_8 = {0.26: 0.91, 0.31: 0.82}
"""sigma_8 of the universe of each Omega_m."""

_NAME = re.compile(r"kappa_omega_m_(\d+)p(\d+)_s_(\d{1,9})\.[a-z.]+", re.IGNORECASE)


def find_entry(archive: str, member: str) -> Entry | None:
    """Return what the name of a file says, or None if it is another kind of name.

    Parameters
    ----------
    archive : str
        The archive that it is in. What it is for is said by its own folders, or else by the name of
        the archive: ``training`` or ``testing``.
    member : str
        Its name there.
    """
    path = PurePosixPath(member)
    match = _NAME.fullmatch(path.name)
    if match is None:
        return None
    omega_m = float(f"{match[1]}.{match[2]}")
    parameters = [("Omega_m", omega_m)]
    if omega_m in SIGMA_8:
        parameters.append(("sigma_8", SIGMA_8[omega_m]))
    return Entry(
        archive=archive,
        member=member,
        label=f"Omega_m {omega_m:g}",
        parameters=tuple(parameters),
        seed=int(match[3]),
        split=_find_split([PurePosixPath(archive).name.partition(".")[0], *path.parts[:-1]]),
    )


def _find_split(words: list[str]) -> Split | None:
    splits = [split for word in words if (split := find_split(word)) is not None]
    return splits[-1] if splits else None
