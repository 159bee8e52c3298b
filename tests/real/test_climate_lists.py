"""The true lists, statistics and values of the climate data, against what the package holds."""

import csv
import hashlib
import io
import json
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from deepsphere.sources.climate.splits import HASHES, published_names
from deepsphere.sources.climate.statistics import STATISTICS
from deepsphere.sources.fields.channels import CLASSES, NAMES
from deepsphere.sources.fields.moments import Moment, read_moment
from deepsphere.sources.fields.states import class_numbers

DATA = Path(__file__).parents[2].parent / "shared/data/climate"
LISTS = {"train": "train", "validation": "val", "test": "test"}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}")


def moments(split: str) -> list[Moment]:
    found = [read_moment(name) for name in published_names(split)]
    return [moment for moment in found if moment is not None]


@pytest.mark.parametrize("split", LISTS)
def test_the_shipped_lists_are_the_published_ones(split: str) -> None:
    published = (DATA / f"stats/ugscnn_{LISTS[split]}_split.txt").read_bytes()
    assert hashlib.sha256(published).hexdigest() == HASHES[split]
    assert published_names(split) == published.decode().split()


def test_the_published_split_leaks_as_much_as_was_counted() -> None:
    train = {(moment.run, moment.step) for moment in moments("train")}
    test = moments("test")
    for steps, expected in ((1, 0.891), (2, 0.982), (4, 0.998)):
        near = [
            any((state.run, state.step + away) in train for away in range(-steps, steps + 1))
            for state in test
        ]
        assert np.mean(near) == pytest.approx(expected, abs=5e-4)


def test_runs_and_years_are_those_that_were_counted() -> None:
    every = [moment for split in LISTS for moment in moments(split)]
    assert len(every) == 62_738
    runs = Counter(moment.run for moment in every)
    assert runs == {1: 13_128, 2: 12_671, 3: 12_742, 4: 12_355, 6: 11_842}
    years = Counter(moment.year for moment in every)
    assert [years[year] for year in range(2106, 2115)] == [
        *(7364, 6664, 6780, 7262, 6808),
        *(6488, 6921, 7019, 7432),
    ]
    assert len({moment.step for moment in every}) == 24_534


def test_the_statistics_belong_to_the_channels_in_this_order() -> None:
    # Those of a subset of the training states, by other authors.
    means, deviations = (np.load(DATA / f"stats/{name}.npy") for name in ("means", "stds"))
    ours = np.array([STATISTICS[name] for name in NAMES])
    assert np.abs((means - ours[:, 0]) / ours[:, 1]).max() < 0.01
    np.testing.assert_allclose(deviations, ours[:, 1], rtol=0.012)


def test_climatenet_names_classes_and_channels_alike() -> None:
    published = json.loads((DATA / "stats/ClimateNet_config.json").read_text())
    assert [name.lower() for name in published["labels"]] == list(CLASSES)
    assert set(published["fields"]) <= set(NAMES)
    with zipfile.ZipFile(DATA / "climatenet_kaggle/train_1996-2004.csv.zip") as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open(archive.namelist()[0]))))
    columns = [name for name in rows[0] if name not in ("SNo", "lat", "lon", "time", "Label")]
    assert columns == list(NAMES)
    labels = class_numbers(np.array([int(row["Label"]) for row in rows]))
    assert np.bincount(labels).tolist() == [28_785, 1_345, 6_230]
    # The places are on the grid of 768 rows with both poles and 1152 columns from 0°E.
    latitude = np.array([float(row["lat"]) for row in rows])
    longitude = np.array([float(row["lon"]) for row in rows])
    for places in ((latitude + 90) / 180 * 767, longitude * 1152 / 360):
        np.testing.assert_allclose(places, places.round(), atol=1e-4)
