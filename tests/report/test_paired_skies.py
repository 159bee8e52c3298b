from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib import colormaps

from deepsphere.report.paired_skies import draw, find_pair
from deepsphere.samplings.healpix import Healpix

NSIDE, PIXELS = 4, 192
MEAN, DEVIATION = 1.0, 2.0


class Store(SimpleNamespace):
    def __len__(self):
        return len(self.coordinates["map"])


def make_store(order, seeds=(3, 3, 5, 5, 8), labels=(1, 0, 0, 1, 1), tested=(0, 0, 1, 1, 1)):
    """A store of five maps, map m being 1000 m + pixel number in its second channel."""
    patches = 12 * order**2 or 1
    count = len(seeds)
    maps = np.repeat(np.arange(count), patches)
    values = (1000 * np.arange(count)[:, None] + np.arange(PIXELS)).reshape(len(maps), -1)
    split = np.asarray(tested)[maps]

    def read(rows):
        of_rows = values[rows].astype(np.float32)
        return np.stack([np.zeros_like(of_rows), of_rows], axis=-1)

    return Store(
        read=read,
        channels=("other", "convergence"),
        coordinates={
            "seed": np.asarray(seeds)[maps],
            "label": np.asarray(labels)[maps],
            "map": maps,
            "patch": np.tile(np.arange(patches), count),
        },
        split={
            "train": np.flatnonzero(split == 0),
            "validation": np.array([], np.int64),
            "test": np.flatnonzero(split == 1),
        },
        attrs={
            "nside": NSIDE,
            "order": order,
            "patch_pixels": PIXELS // patches,
            "reference_patch": 0,
            "class_names": ["cold", "hot"],
            "statistics": {
                "train": {
                    "maps": {"mean": [9.0, MEAN], "deviation": [9.0, DEVIATION], "samples": 4}
                }
            },
        },
    )


@pytest.mark.parametrize("order", [0, 1, 2])
def test_a_pair_is_of_the_lowest_seed_of_the_test_in_the_order_of_the_classes(order):
    pair = find_pair(make_store(order), "convergence")
    assert (pair.seed, pair.classes) == (5, ("cold", "hot"))
    expected = (np.array([[2000.0], [3000]]) + np.arange(PIXELS) - MEAN) / DEVIATION
    np.testing.assert_array_equal(pair.skies, expected.astype(np.float32))


def test_seeds_that_only_one_class_has_do_not_count_and_then_training_maps_do():
    pair = find_pair(make_store(1, tested=(0, 0, 0, 0, 1)), "convergence")
    assert pair.seed == 3
    np.testing.assert_array_equal(pair.skies[0, 0], (1000 - MEAN) / DEVIATION)


@pytest.mark.parametrize("seeds", [(-1,) * 5, (1, 2, 3, 4, 5)])
def test_without_a_seed_in_common_there_is_no_pair(seeds):
    assert find_pair(make_store(1, seeds=seeds), "convergence") is None


def test_other_stores_have_no_pairs():
    store = make_store(1)
    del store.attrs["nside"]
    assert find_pair(store, "convergence") is None
    store = make_store(1)
    del store.coordinates["label"]
    assert find_pair(store, "convergence") is None


def drop(store, kept):
    """Leave only some patches of a store of order 1."""
    rows = np.isin(store.coordinates["patch"], kept)
    values = store.read
    numbers = np.flatnonzero(rows)
    store.coordinates = {name: each[rows] for name, each in store.coordinates.items()}
    store.split["test"] = np.flatnonzero(np.isin(numbers, store.split["test"]))
    store.read = lambda chosen: values(numbers[chosen])
    return store


def test_what_was_not_seen_is_not_known_and_the_window_is_where_it_was():
    pair = find_pair(drop(make_store(1), [6, 7]), "convergence")
    known = np.isfinite(pair.skies).reshape(2, 12, -1).all(axis=(0, 2))
    np.testing.assert_array_equal(np.flatnonzero(known), [6, 7])
    window = pair.window()
    (number,) = Healpix(1).pixels_at(window.directions(1)[0])
    assert number == 6


def test_both_maps_have_one_scale_around_zero_and_the_difference_its_own():
    pair = find_pair(make_store(0), "convergence")
    figure = draw(pair, "Maps")
    bars = [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]
    limits = [axes.get_ylim() for axes in bars]
    shown = np.percentile(np.abs(pair.skies), 99.8)
    np.testing.assert_allclose(limits[:2], [[-shown, shown]] * 2, rtol=1e-6)
    # The maps differ by 1000 everywhere, which is 500 standard deviations.
    np.testing.assert_allclose(limits[2], (-500, 500), rtol=1e-6)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert [title for title in titles if title] == [
        "cold",
        "around 41.8°N 45°E",
        "hot",
        "hot minus cold",
    ]


def test_the_maps_show_the_pixels_where_they_are():
    pair = find_pair(make_store(0), "convergence")
    figure = draw(pair, "Maps")
    whole, close = figure.axes[:2]
    colours = np.asarray(close.images[0].get_array())
    middle = len(colours) // 2
    sphere, window = Healpix(NSIDE), pair.window()
    limit = np.percentile(np.abs(pair.skies), 99.8)
    directions = window.directions(1)[0]
    value = pair.skies[0, sphere.pixels_at(directions)[0]]
    expected = colormaps["RdBu_r"]((value / limit + 1) / 2)
    np.testing.assert_allclose(colours[middle, middle], expected, atol=0.02)
    assert whole.images[0].get_array().shape[:2] == (400, 800)
