"""Skies made here in place of the published ones: lognormal mocks of the same two universes.

**These are lognormal mocks, not N-body simulations** (:mod:`deepsphere.sources.cosmo.lognormal`):
use them for demonstrations and controlled experiments, never to say how well a method does on the
sky. A README beside the maps says so, and ``simulation.json`` how each was made.

Files have the published names and are read by the same reader. A universe of one seed has its
structures at the same places as the other one. Two thirds of the seeds are for training, as
published, and the rest for testing.

The source is at redshift 0.8, as the publication says. The published maps themselves have the power
of sources at redshift 1, and of the particles' noise: 1.4 to 1.75 times as much from degree 10 to
500. Normalized, the spectra agree within 9 %.

With ``match_variance`` the spectra of the universe of more fluctuations are bent so that those of
the convergence are equal, degree by degree, and with them the variance at any smoothing. To scale
its maps, or its sigma_8, would do for one variance alone, and leave a classifier of spectra a fifth
of the power at degree 15 to go by.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import write_bytes, write_json
from deepsphere.sources.cosmo.lognormal import (
    LognormalMatter,
    degrees_of,
    draw_convergence,
    lognormal_matter,
)
from deepsphere.sources.cosmo.published import SIGMA_8
from deepsphere.sources.cosmo.theory import Cosmology, LightCone, light_cone_spectra, with_sum_of
from deepsphere.sources.meshes.simulated_files import write_table

NOTICE = "lognormal mock, not N-body"
"""What all simulated files are said to be."""

PUBLISHED = {matter: Cosmology(matter, sigma_8) for matter, sigma_8 in sorted(SIGMA_8.items())}
"""The universe of each published Omega_m."""

PUBLISHED_CONE = LightCone(nearest=0.1, source=0.8)

_BENT, _REFERENCE = 0.26, 0.31
_TEST_SHARE = 1 / 3
_ZIP_TIME = (2018, 7, 1, 0, 0, 0)
_README = f"""# SIMULATED by deepsphere: {NOTICE}

Maps of the convergence of weak lensing, `kappa_omega_m_<Omega_m>_s_<seed>.npy`, float32, HEALPix in
RING order. They are made of theoretical spectra and chance, with lognormal matter on shells: there
are no halos and no filaments in them. They are not the maps of the record 10.5281/zenodo.1303272,
whose names they have. `simulation.json` says how they were made.
"""


@dataclass(frozen=True)
class _Map:
    """A map to make."""

    matter: float
    seed: int
    is_test: bool

    @property
    def folder(self) -> str:
        return "testing" if self.is_test else "training"

    @property
    def name(self) -> str:
        omega_m = f"{self.matter:.2f}".replace(".", "p")
        return f"{self.folder}/kappa_omega_m_{omega_m}_s_{self.seed}.npy"

    @property
    def row(self) -> str:
        split = "test" if self.is_test else "train"
        label = f"Omega_m {self.matter:g}"
        return f"{self.name},{label},{self.seed},{split},{self.matter},{SIGMA_8[self.matter]}"


def simulate_raw(source: dict[str, Any], folder: Path) -> None:
    """Write the archives of the published record, or loose maps.

    The edition ``zenodo`` is ``training.zip`` and ``testing.zip``; ``maps`` is the folders
    ``training`` and ``testing``, and the table of ``labels`` if there is to be one, with the
    columns ``file,label,seed,split,Omega_m,sigma_8``.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.cosmo.settings.Source`.
    folder : Path
        Where to write the files.

    Raises
    ------
    DeepsphereError
        If the settings name files, a mask or NESTED order, or the extra ``cosmology`` is not
        installed.
    """
    unmet = [name for name in ("files", "mask") if source[name]]
    unmet += ["ordering"] if source["ordering"] == "nested" else []
    if unmet:
        raise DeepsphereError(
            f"simulated maps: found {unmet[0]} {source[unmet[0]]!r}; simulated ones have names and "
            "places as published, RING order and no mask: leave it out"
        )
    simulation = source["simulate"]
    universes = simulated_universes(simulation["nside"], matched=simulation["match_variance"])
    folder.mkdir(parents=True, exist_ok=True)
    listed = _listed(simulation["maps"])
    seed = simulation["seed"]
    if source["edition"] == "zenodo":
        for is_test in (False, True):
            of_split = [one for one in listed if one.is_test == is_test]
            _write_archive(folder / f"{of_split[0].folder}.zip", _drawn(of_split, universes, seed))
    else:
        for name, values in _drawn(listed, universes, seed):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(folder / name, values)
        if source["labels"]:
            rows = ["file,label,seed,split,Omega_m,sigma_8", *(one.row for one in listed)]
            write_table(folder / source["labels"], rows)
    write_bytes(folder / "README.md", _README.encode())
    write_json(folder / "simulation.json", _provenance(simulation))


def simulated_universes(
    nside: int, *, matched: bool = False, cone: LightCone = PUBLISHED_CONE
) -> dict[float, LognormalMatter]:
    """Return what maps of both universes are drawn from.

    Parameters
    ----------
    nside : int
        nside of the maps.
    matched : bool
        Whether to give the universe of Omega_m 0.26 the spectrum of the convergence of the other.
    cone : LightCone
        The matter in front of the source.

    Returns
    -------
    dict of float to LognormalMatter
        By Omega_m.

    Raises
    ------
    DeepsphereError
        If CAMB or GLASS is not installed.
    """
    spectra = {
        matter: light_cone_spectra(cosmology, cone, degrees_of(nside))
        for matter, cosmology in PUBLISHED.items()
    }
    if matched:
        spectra[_BENT] = with_sum_of(spectra[_BENT], spectra[_REFERENCE])
    return {matter: lognormal_matter(one, nside) for matter, one in spectra.items()}


def _listed(maps: int) -> list[_Map]:
    """Return all maps, seed by seed; there are at least one seed to test on and one to train on."""
    training = maps - max(1, round(maps * _TEST_SHARE))
    return [
        _Map(matter, seed, is_test=seed > training)
        for seed in range(1, maps + 1)
        for matter in PUBLISHED
    ]


def _drawn(
    listed: list[_Map], universes: dict[float, LognormalMatter], seed: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for one in listed:
        convergence = draw_convergence(universes[one.matter], (seed, one.seed))
        yield one.name, convergence.astype(np.float32)


def _write_archive(path: Path, maps: Iterator[tuple[str, NDArray[np.float32]]]) -> None:
    """Write maps to a zip archive, as they are: noise cannot be compressed."""
    with ZipFile(path, "w") as archive:
        archive.comment = f"SIMULATED by deepsphere: {NOTICE}".encode()
        for name, values in maps:
            with archive.open(ZipInfo(name, _ZIP_TIME), "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, values, allow_pickle=False)


def _provenance(simulation: dict[str, Any]) -> dict[str, Any]:
    return {
        "what": NOTICE,
        "settings": simulation,
        "universes": [asdict(cosmology) for cosmology in PUBLISHED.values()],
        "light_cone": asdict(PUBLISHED_CONE),
        "matched": f"Omega_m {_BENT:g} has the spectrum of the convergence of {_REFERENCE:g}"
        if simulation["match_variance"]
        else None,
        "versions": {name: version(name) for name in ("camb", "glass", "healpy", "numpy")},
    }
