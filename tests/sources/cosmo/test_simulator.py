"""Simulated files are laid out as the published ones and say what they are; universes differ in
skewness, and in nothing of second order where that is asked for.
"""

import io
import json
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import numpy as np
import pytest
from scipy.stats import skew

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo import simulator
from deepsphere.sources.cosmo.listed import list_entries
from deepsphere.sources.cosmo.lognormal import LognormalMatter, draw_convergence
from deepsphere.sources.cosmo.settings import Source
from deepsphere.sources.cosmo.simulator import (
    simulate_raw,
    simulated_cosmologies,
    simulated_universes,
)
from deepsphere.sources.cosmo.theory import Cosmology, LightCone, Spectra

healpy = pytest.importorskip("healpy")
pytest.importorskip("camb")
pytest.importorskip("glass")

NSIDE = 64
PAIRS = 6


def settings(edition: str, seed: int = 3, **others: Any) -> dict[str, Any]:
    simulation = {"nside": 8, "maps": 4, "seed": seed}
    source = {"kind": "cosmo", "edition": edition, "simulate": simulation, **others}
    return Source.model_validate(source).model_dump(mode="json")


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def archived(folder: Path) -> dict[str, np.ndarray]:
    maps = {}
    for name in ("training.zip", "testing.zip"):
        with ZipFile(folder / name) as archive:
            assert b"lognormal mock, not N-body" in archive.comment
            for member in archive.infolist():
                assert member.compress_type == ZIP_STORED
                maps[member.filename] = np.load(io.BytesIO(archive.read(member)))
    return maps


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw") / "cosmo"
    simulate_raw(settings("zenodo"), folder)
    return folder


@pytest.fixture(scope="module")
def loose(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw") / "cosmo"
    simulate_raw(settings("maps", mirrors=["maps"], labels="labels.csv.gz"), folder)
    return folder


def test_the_published_layout(record: Path) -> None:
    assert files(record) == ["README.md", "simulation.json", "testing.zip", "training.zip"]
    maps = archived(record)
    assert list(maps) == [
        f"{folder}/kappa_omega_m_{matter}_s_{seed}.npy"
        for folder, seeds in (("training", (1, 2, 3)), ("testing", (4,)))
        for seed in seeds
        for matter in ("0p26", "0p31")
    ]
    for values in maps.values():
        assert values.shape == (768,)
        assert values.dtype == np.float32
    entries = list_entries(record, files(record), {"labels": None, "mask": None}).entries
    assert [(entry.label, entry.seed, entry.split) for entry in entries] == [
        (label, seed, "train" if seed < 4 else "test")
        for label in ("Omega_m 0.26", "Omega_m 0.31")
        for seed in (1, 2, 3, 4)
    ]


def test_a_table_says_what_the_names_say(loose: Path) -> None:
    assert len(files(loose)) == 8 + 3
    source = {"labels": "labels.csv.gz", "mask": None}
    by_table = list_entries(loose, files(loose), source)
    by_name = list_entries(loose, files(loose), {"labels": None, "mask": None})
    assert by_table.entries == by_name.entries
    assert by_table.report["columns_passed_over"] == []


def test_files_say_what_they_are(record: Path) -> None:
    assert "lognormal mock, not N-body" in (record / "README.md").read_text()
    provenance = json.loads((record / "simulation.json").read_text())
    assert provenance["what"] == "lognormal mock, not N-body"
    assert provenance["settings"]["seed"] == 3
    assert [(one["matter"], one["sigma_8"]) for one in provenance["universes"]] == [
        (0.26, 0.91),
        (0.31, 0.82),
    ]
    assert provenance["light_cone"] == {"nearest": 0.1, "source": 0.8, "shells": 14}
    assert set(provenance["versions"]) == {"camb", "glass", "healpy", "numpy"}


def test_maps_depend_on_the_seed_alone(record: Path, loose: Path, tmp_path: Path) -> None:
    maps = archived(record)
    for name, values in maps.items():
        np.testing.assert_allclose(np.load(loose / name), values, rtol=0, atol=1e-8)
    simulate_raw(settings("zenodo", seed=4), tmp_path)
    others = archived(tmp_path)
    assert not any(np.allclose(others[name], values, atol=1e-6) for name, values in maps.items())


@pytest.mark.parametrize(
    ("setting", "value"), [("files", ["a.npy"]), ("mask", "mask.npy"), ("ordering", "nested")]
)
def test_what_simulated_maps_cannot_be(setting: str, value: Any, tmp_path: Path) -> None:
    source = settings("maps", mirrors=["maps"], **{setting: value})
    with pytest.raises(DeepsphereError, match=f"^simulated maps: found {setting} .*leave it out$"):
        simulate_raw(source, tmp_path)


@pytest.mark.parametrize("labels", ["../t.csv", "/t.csv", "training", "README.md"])
def test_table_lies_among_the_maps_and_in_place_of_none(labels: str, tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match=r"^labels: "):
        simulate_raw(settings("maps", labels=labels), tmp_path / "raw")
    assert not any(tmp_path.iterdir())


def power_laws(cosmology: Cosmology, cone: LightCone, degrees: int) -> Spectra:
    """Return spectra as simple as can be, that CAMB need not be asked for."""
    shell = 0.05 * cosmology.sigma_8**2 / (1 + np.arange(degrees)) ** 2
    shells = np.tile(shell, (cone.shells, 1))
    weights = np.full(cone.shells, 0.01 * cosmology.matter)
    return Spectra(shells, weights, weights**2 @ shells)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six universes of three maps each, seen by the light of two sources."""
    folder = tmp_path_factory.mktemp("raw") / "several"
    more = {"nside": 8, "maps": 3, "cosmologies": 6, "redshifts": [0.3, 0.5]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator, "light_cone_spectra", power_laws)
        simulate_raw(settings("maps", labels="labels.csv", simulate=more), folder)
    return folder


def test_drawn_universes_are_trained_or_tested_on(several: Path) -> None:
    source = {"labels": "labels.csv", "mask": None}
    entries = list_entries(several, files(several), source).entries
    universes = [(one.matter, one.sigma_8) for one in simulated_cosmologies(6, 0)]
    assert {tuple(value for _, value in entry.parameters) for entry in entries} == {*universes}
    for number, (matter, sigma_8) in enumerate(universes):
        parameters = (("Omega_m", matter), ("sigma_8", sigma_8))
        found = [(one.seed, one.split) for one in entries if one.parameters == parameters]
        train, test = [(1, "train"), (2, "train")], [(3, "test")]
        expected = [train + test, train + test, train, train, test, train]
        assert sorted(found) == expected[number]


def test_sources_behind_one_another_are_rows_of_a_map(several: Path) -> None:
    """The nearer source sees part of the matter of the farther one, and less of that."""
    near, far = np.load(several / "training/kappa_omega_m_0p26_s_1.npy")
    assert near.shape == (768,)
    assert near.dtype == np.float32
    assert 0.5 < np.corrcoef(near, far)[0, 1] < 1
    provenance = json.loads((several / "simulation.json").read_text())
    assert provenance["light_cone"] == {"nearest": 0.1, "source": 0.5, "shells": 8}
    assert len(provenance["universes"]) == 6


def test_universes_fill_a_box_evenly() -> None:
    """Of any 16 in a row, there is one in each quarter of the box, whatever the seed."""
    for seed in (0, 1):
        found = simulated_cosmologies(50, seed)
        assert found[:5] == simulated_cosmologies(5, seed)
        points = np.array([(one.matter, one.sigma_8) for one in found])
        np.testing.assert_array_equal(points[:2], [[0.26, 0.91], [0.31, 0.82]])
        assert len(set(points[:, 0])) == 50
        scaled = (points[2:] - [0.2, 0.6]) / [0.2, 0.5]
        assert scaled.min() >= 0
        assert scaled.max() <= 1
        for start in range(0, 48, 16):
            quarters = np.floor(2 * np.minimum(scaled[start : start + 16], 0.999))
            assert len(np.unique(quarters, axis=0)) == 4
    assert simulated_cosmologies(4, 0)[2:] != simulated_cosmologies(4, 1)[2:]


def test_more_universes_need_a_table(tmp_path: Path) -> None:
    for source in (
        settings("zenodo", simulate={"cosmologies": 3}),
        settings("maps", simulate={"cosmologies": 3}),
    ):
        with pytest.raises(
            DeepsphereError, match=r"^simulated maps: found cosmologies: 3, .*table"
        ):
            simulate_raw(source, tmp_path)


def moments(universes: dict[float, LognormalMatter]) -> dict[float, np.ndarray]:
    """Variance and skewness of maps smoothed by sigma of a pixel, ``(pair, moment)``."""
    found: dict[float, list[tuple[float, float]]] = {matter: [] for matter in universes}
    for pair in range(PAIRS):
        for matter, universe in universes.items():
            values = healpy.smoothing(
                draw_convergence(universe, (0, pair)), sigma=healpy.nside2resol(NSIDE)
            )
            found[matter].append((values.var(), skew(values)))
    return {matter: np.array(values) for matter, values in found.items()}


@pytest.fixture(scope="module")
def published() -> dict[float, np.ndarray]:
    return moments(simulated_universes(NSIDE))


@pytest.fixture(scope="module")
def matched() -> dict[float, np.ndarray]:
    return moments(simulated_universes(NSIDE, matched=True))


def test_more_fluctuations_are_more_skewed(
    published: dict[float, np.ndarray], matched: dict[float, np.ndarray]
) -> None:
    """Of pairs, whose skies are alike: the difference is 5 standard errors of its mean or more."""
    for found in (published, matched):
        differences = (found[0.26] - found[0.31])[:, 1]
        error = differences.std(ddof=1) / PAIRS**0.5
        assert differences.mean() > 5 * error


def test_matched_universes_have_one_variance(
    published: dict[float, np.ndarray], matched: dict[float, np.ndarray]
) -> None:
    """The ratio of a pair scatters by some 0.2 %."""
    np.testing.assert_array_equal(matched[0.31], published[0.31])
    ratios = (published[0.26] / published[0.31])[:, 0], (matched[0.26] / matched[0.31])[:, 0]
    assert ratios[0].mean() > 1.1
    assert ratios[1].mean() == pytest.approx(1, abs=0.003)
