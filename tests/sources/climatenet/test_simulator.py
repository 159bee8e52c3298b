"""Simulated files of ClimateNet: layout, statistics, and the way into a store."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.climatenet.reader import ClimateNetReader
from deepsphere.sources.climatenet.samples import open_samples
from deepsphere.sources.climatenet.settings import Source
from deepsphere.sources.climatenet.simulator import simulate_raw
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.workers import Workers

GRID = Grid(24, 36)
SAMPLES = 30


def simulate(folder: Path, samples: int = SAMPLES, seed: int = 0) -> list[str]:
    simulation = {"samples": samples, "seed": seed, "grid": [GRID.rows, GRID.columns]}
    source = Source.model_validate({"kind": "climatenet", "simulate": simulation})
    simulate_raw(source.model_dump(mode="json"), folder)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.nc"))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("climatenet") / "raw"
    return folder, simulate(folder)


def test_statistics_weighted_by_area_are_those_published(raw: tuple[Path, list[str]]) -> None:
    folder, names = raw
    states = [ClimateNetReader().read(folder / name, NAMES) for name in names]
    assert len(states) == SAMPLES
    areas = GRID.areas.ravel()
    fields = np.stack([state.fields for state in states]).astype(np.float64)
    for number, name in enumerate(NAMES):
        mean = np.mean(fields[:, number] @ areas)
        deviation = np.sqrt(np.mean((fields[:, number] - mean) ** 2 @ areas))
        assert mean == pytest.approx(STATISTICS[name][0], abs=1e-5 * STATISTICS[name][1])
        assert deviation == pytest.approx(STATISTICS[name][1], rel=1e-5)
    labels = np.stack([state.labels for state in states])
    assert 0.008 < np.mean((labels == 2) @ areas) < 0.045


def test_files_are_netcdf_for_others_too(raw: tuple[Path, list[str]]) -> None:
    folder, names = raw
    for engine in ("h5netcdf", "netcdf4"):
        with xr.open_dataset(folder / names[0], engine=engine, decode_times=False) as dataset:
            assert dict(dataset.sizes) == {"time": 1, "lat": 24, "lon": 36}
            assert set(dataset.data_vars) == {*NAMES, "LABELS"}
            assert dataset["TMQ"].dims == ("time", "lat", "lon")
            assert dataset["LABELS"].dims == ("lat", "lon")
            np.testing.assert_allclose(dataset["lat"], GRID.latitude)
            assert dataset["TMQ"].attrs["units"] == "kg m-2"
            assert "Simulated" in dataset.attrs["title"]


def test_a_store_as_published(raw: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, names = raw
    store = {"kind": "climatenet", "source": "a", "sampling": "healpix:4"}
    dataset, report = open_samples(
        folder, names, {"kind": "climatenet"}, store, tmp_path / "scratch", Workers(1)
    )
    assert dataset["data"].shape == (SAMPLES, 192, 17)
    counts = report()["split"]
    assert counts["train"] > counts["test"] > 0
    assert counts["validation"] == 0
    # Means over pixels of 15 degrees keep the mean over the sphere.
    mean = dataset["data"].values[:, :, NAMES.index("TREFHT")].mean()
    assert mean == pytest.approx(STATISTICS["TREFHT"][0], abs=0.05)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again = (simulate(tmp_path / name, 3) for name in ("a", "b"))
    assert first == again
    for name in first:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    simulate(tmp_path / "c", 3, seed=1)
    assert (tmp_path / "a" / first[0]).read_bytes() != (tmp_path / "c" / first[0]).read_bytes()
