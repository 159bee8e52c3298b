"""Simulated files of the level-5 archive: names, layout, statistics, and the way into a store."""

from pathlib import Path

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.ugscnn import Ugscnn
from deepsphere.sources.climate.reader import MeshReader, find_order
from deepsphere.sources.climate.samples import open_samples
from deepsphere.sources.climate.settings import Source
from deepsphere.sources.climate.simulator import simulate_raw
from deepsphere.sources.climate.splits import as_published
from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.snapshots import find_snapshots
from deepsphere.workers import Workers

SAMPLES = 12


def simulate(folder: Path, **settings: int) -> list[str]:
    simulation = {"samples": SAMPLES, "runs": 2, **settings}
    source = Source.model_validate({"kind": "climate", "simulate": simulation})
    simulate_raw(source.model_dump(mode="json"), folder)
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.npz"))


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("climate") / "raw"
    return folder, simulate(folder)


def test_files_are_named_as_published_ones(raw: tuple[Path, list[str]]) -> None:
    folder, names = raw
    assert len(names) == SAMPLES
    snapshots, unnamed = find_snapshots(folder, names, (".npz",))
    assert not unnamed
    assert {snapshot.moment.run for snapshot in snapshots} == {1, 2}
    # In the published lists, or this would fail.
    assert set(as_published(snapshots)) <= {0, 1, 2}


def test_statistics_are_those_published(raw: tuple[Path, list[str]]) -> None:
    folder, names = raw
    files = [np.load(folder / name) for name in names]
    data = np.stack([file["data"] for file in files]).astype(np.float64)
    assert data.shape == (SAMPLES, 16, 10_242)
    assert files[0]["data"].dtype == np.float32
    for number, name in enumerate(NAMES):
        mean, deviation = STATISTICS[name]
        assert data[:, number].mean() == pytest.approx(mean, abs=1e-5 * deviation)
        assert data[:, number].std() == pytest.approx(deviation, rel=1e-5)
    labels = np.stack([file["labels"] for file in files])
    np.testing.assert_array_equal(labels.sum(axis=1), 1)
    # Of the few cyclones and rivers of 12 states.
    assert 0.0002 < labels[:, 1].mean() < 0.003
    assert 0.008 < labels[:, 2].mean() < 0.045


def test_vertices_are_in_the_order_that_is_recognised(raw: tuple[Path, list[str]]) -> None:
    folder, names = raw
    snapshots, _ = find_snapshots(folder, names, (".npz",))
    assert find_order(folder, snapshots) == Ugscnn(5, "upward")


def test_places_are_those_that_the_reader_takes_them_for(
    raw: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, names = raw
    store = {"kind": "climate", "source": "a", "split": {"kind": "leak-free", "gap": 0}}
    dataset, _ = open_samples(
        folder, names, {"kind": "climate"}, store, tmp_path / "scratch", Workers(1)
    )
    ground = dataset["data"].sel(channel=NAMES.index("PS")).mean("sample").values
    # Tibet, the Andes and Antarctica, against the middle of the Pacific.
    for longitude, latitude in ((88, 34), (-70, -20), (0, -85)):
        east = (dataset["longitude"].values - longitude + 180) % 360 - 180
        distance = np.hypot(
            east * np.cos(np.radians(latitude)), dataset["latitude"].values - latitude
        )
        assert ground[np.argmin(distance)] < 90_000
    pacific = (np.abs(dataset["latitude"]) < 5) & (np.abs(dataset["longitude"] - 180) < 10)
    assert ground[pacific.values].min() > 95_000
    state = MeshReader().read(folder / names[0], NAMES)
    assert dataset["data"].shape == (SAMPLES, 10_242, 17)
    assert state.fields.shape == (16, 10_242)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again = (simulate(tmp_path / name, samples=3) for name in ("a", "b"))
    assert first == again
    for name in first:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_more_runs_than_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        DeepsphereError, match=r"simulate\.runs: found 6; the archive has 5: 1, 2, 3, 4, 6"
    ):
        simulate(tmp_path, runs=6)
