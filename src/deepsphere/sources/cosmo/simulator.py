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

With more ``cosmologies`` than the two published ones, the parameters can be learned as numbers.
Further universes are points of a sequence that fills a box evenly, so that any number of them does
(M. Roberts, "The unreasonable effectiveness of quasirandom sequences", 2018), and a third of them
has no map to train on. With several ``redshifts``, a map has the convergence of sources behind one
another, made of the same matter.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
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
from deepsphere.sources.cosmo.tomography import lensing_weights
from deepsphere.sources.meshes.simulated_files import write_table
from deepsphere.sources.mirrors import check_relative

NOTICE = "lognormal mock, not N-body"
"""What all simulated files are said to be."""

PUBLISHED = {matter: Cosmology(matter, sigma_8) for matter, sigma_8 in sorted(SIGMA_8.items())}
"""The universe of each published Omega_m."""

PUBLISHED_CONE = LightCone(nearest=0.1, source=0.8)

_REFERENCE = 0.31
_TEST_SHARE = 1 / 3
_TESTED_UNIVERSES = 3
"""Of so many drawn universes, the last one is tested on."""

_SHELL_STEP = 0.05
_MATTER_BOX, _SIGMA_8_BOX = (0.2, 0.4), (0.6, 1.1)
_DIGITS = 4
_PLASTIC = 1.324717957244746
"""The real root of x³ = x + 1."""

_UNIVERSE_STREAM = 1
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

    universe: Cosmology
    seed: int
    is_test: bool

    @property
    def folder(self) -> str:
        return "testing" if self.is_test else "training"

    @property
    def name(self) -> str:
        omega_m = f"{self.universe.matter:g}".replace(".", "p")
        return f"{self.folder}/kappa_omega_m_{omega_m}_s_{self.seed}.npy"

    @property
    def row(self) -> str:
        split = "test" if self.is_test else "train"
        matter, sigma_8 = self.universe.matter, self.universe.sigma_8
        return f"{self.name},Omega_m {matter:g},{self.seed},{split},{matter},{sigma_8}"


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
        If the settings name files, a mask or NESTED order, or a table that is none or would lie
        outside the folder, there are more universes than the published names can tell, or the
        extra ``cosmology`` is not installed.
    """
    unmet = [name for name in ("files", "mask") if source[name]]
    unmet += ["ordering"] if source["ordering"] == "nested" else []
    if unmet:
        raise DeepsphereError(
            f"simulated maps: found {unmet[0]} {source[unmet[0]]!r}; simulated ones have names and "
            "places as published, RING order and no mask: leave it out"
        )
    labels = source["labels"]
    if labels:
        check_relative(labels, "labels")
        if not labels.endswith((".csv", ".csv.gz")):
            raise DeepsphereError(f"labels: found {labels!r}; the table is a .csv or .csv.gz")
    simulation = source["simulate"]
    if simulation["cosmologies"] > len(PUBLISHED) and not labels:
        raise DeepsphereError(
            f"simulated maps: found cosmologies: {simulation['cosmologies']}, but names as "
            f"published tell {len(PUBLISHED)} universes; take edition: maps, and name a table in "
            "labels"
        )
    seed = simulation["seed"]
    cosmologies = simulated_cosmologies(simulation["cosmologies"], seed)
    redshifts = tuple(simulation["redshifts"])
    cone = _cone(redshifts[-1])
    universes = {
        matter: _sources(universe, cosmology, cone, redshifts)
        for cosmology, (matter, universe) in zip(
            cosmologies,
            simulated_universes(
                simulation["nside"],
                matched=simulation["match_variance"],
                cone=cone,
                cosmologies=cosmologies,
            ).items(),
            strict=True,
        )
    }
    folder.mkdir(parents=True, exist_ok=True)
    listed = _listed(simulation["maps"], cosmologies)
    if source["edition"] == "zenodo":
        for is_test in (False, True):
            of_split = [one for one in listed if one.is_test == is_test]
            _write_archive(folder / f"{of_split[0].folder}.zip", _drawn(of_split, universes, seed))
    else:
        for name, values in _drawn(listed, universes, seed):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            np.save(folder / name, values)
        if labels:
            rows = ["file,label,seed,split,Omega_m,sigma_8", *(one.row for one in listed)]
            write_table(folder / labels, rows)
    write_bytes(folder / "README.md", _README.encode())
    write_json(folder / "simulation.json", _provenance(simulation, cosmologies, cone))


def simulated_cosmologies(count: int, seed: int) -> tuple[Cosmology, ...]:
    """Return the published universes, and further ones that no two have the Omega_m of.

    Parameters
    ----------
    count : int
        Number of all of them.
    seed : int
        Of the sequence's start.
    """
    found = dict(PUBLISHED)
    start = np.random.default_rng((seed, _UNIVERSE_STREAM)).random(2)
    steps = 1 / _PLASTIC ** np.arange(1, 3)
    low, high = np.transpose([_MATTER_BOX, _SIGMA_8_BOX])
    number = 0
    while len(found) < count:
        number += 1
        point = low + (high - low) * ((start + number * steps) % 1)
        matter, sigma_8 = (round(float(value), _DIGITS) for value in point)
        found.setdefault(matter, Cosmology(matter, sigma_8))
    return tuple(found.values())


def simulated_universes(
    nside: int,
    *,
    matched: bool = False,
    cone: LightCone = PUBLISHED_CONE,
    cosmologies: tuple[Cosmology, ...] = tuple(PUBLISHED.values()),
) -> dict[float, LognormalMatter]:
    """Return what maps of universes are drawn from.

    Parameters
    ----------
    nside : int
        nside of the maps.
    matched : bool
        Whether to give all universes the spectrum of the convergence of that of Omega_m 0.31.
    cone : LightCone
        The matter in front of the source.
    cosmologies : tuple of Cosmology
        The universes; the published ones, if not given.

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
        cosmology.matter: light_cone_spectra(cosmology, cone, degrees_of(nside))
        for cosmology in cosmologies
    }
    if matched:
        reference = spectra[_REFERENCE]
        spectra = {
            matter: one if matter == _REFERENCE else with_sum_of(one, reference)
            for matter, one in spectra.items()
        }
    return {matter: lognormal_matter(one, nside) for matter, one in spectra.items()}


def _cone(source: float) -> LightCone:
    """Return the matter in front of a source, in shells as deep as those of the published one."""
    nearest = PUBLISHED_CONE.nearest
    return LightCone(nearest, source, max(1, round((source - nearest) / _SHELL_STEP)))


def _sources(
    universe: LognormalMatter, cosmology: Cosmology, cone: LightCone, redshifts: tuple[float, ...]
) -> list[LognormalMatter]:
    """Return a universe as each source sees it: the farthest is that of the light cone."""
    nearer = [
        replace(universe, weights=lensing_weights(cosmology, cone, redshift))
        for redshift in redshifts[:-1]
    ]
    return [*nearer, universe]


def _listed(maps: int, cosmologies: tuple[Cosmology, ...]) -> list[_Map]:
    """Return all maps, seed by seed; there are at least one seed to test on and one to train on.

    Universes that are not published have maps of the seeds of one split alone.
    """
    training = maps - max(1, round(maps * _TEST_SHARE))
    listed = []
    for seed in range(1, maps + 1):
        for number, universe in enumerate(cosmologies, start=1 - len(PUBLISHED)):
            is_test = seed > training
            if number < 1 or is_test == (number % _TESTED_UNIVERSES == 0):
                listed.append(_Map(universe, seed, is_test))
    return listed


def _drawn(
    listed: list[_Map], universes: dict[float, list[LognormalMatter]], seed: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield names and maps, (pixel,) or, of several sources, (source, pixel)."""
    for one in listed:
        # The same words draw the same matter.
        convergence = [
            draw_convergence(universe, (seed, one.seed)).astype(np.float32)
            for universe in universes[one.universe.matter]
        ]
        yield one.name, np.stack(convergence) if len(convergence) > 1 else convergence[0]


def _write_archive(path: Path, maps: Iterator[tuple[str, NDArray[np.float32]]]) -> None:
    """Write maps to a zip archive, as they are: noise cannot be compressed."""
    with ZipFile(path, "w") as archive:
        archive.comment = f"SIMULATED by deepsphere: {NOTICE}".encode()
        for name, values in maps:
            with archive.open(ZipInfo(name, _ZIP_TIME), "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, values, allow_pickle=False)


def _provenance(
    simulation: dict[str, Any], cosmologies: tuple[Cosmology, ...], cone: LightCone
) -> dict[str, Any]:
    return {
        "what": NOTICE,
        "settings": simulation,
        "universes": [asdict(cosmology) for cosmology in cosmologies],
        "light_cone": asdict(cone),
        "matched": f"all have the spectrum of the convergence of Omega_m {_REFERENCE:g}"
        if simulation["match_variance"]
        else None,
        "versions": {name: version(name) for name in ("camb", "glass", "healpy", "numpy")},
    }
