from types import SimpleNamespace

import numpy as np

from deepsphere.report.alike import draw
from deepsphere.report.retrieved import nearest_rows
from deepsphere.report.runs import ClassPredictions
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.fibonacci import Fibonacci


def test_the_samples_of_the_store_are_shown_where_they_are_found():
    """Each map of the store is constant: its colour says which sample it is."""
    random = np.random.default_rng(0)
    found = ClassPredictions(
        prediction=random.dirichlet(np.ones(2), 5).astype(np.float32),
        target=np.array([0, 1, 0, 1, 1]),
        classes=np.array(["cone", "cube"]),
        id=np.array(list("abcde")),
        descriptors=random.normal(size=(5, 3)).astype(np.float32),
    )
    sample = np.array([14, 3, 8, 11, 9])
    longitude, latitude = longitude_latitude(Fibonacci(50).positions)
    store = SimpleNamespace(
        longitude=longitude,
        latitude=latitude,
        channels=("distance", "sine"),
        attrs={"units": ["m", "1"]},
        read=lambda numbers: np.tile(numbers[:, None, None].astype(np.float32), (1, 50, 2)),
    )
    figure = draw(found, sample, store, "Order 4")
    *panels, bar = figure.axes
    shown = [axes.images[0].get_array() for axes in panels if axes.images]
    rows = nearest_rows(found, 2, 4)
    assert len(shown) == (rows >= 0).sum() == 2 * 5
    colours = {}
    for image, row in zip(shown, rows[rows >= 0], strict=True):
        middle = tuple(image[55, 55])
        assert colours.setdefault(sample[row], middle) == middle
    assert len(set(colours.values())) == len(colours) == 5
    assert bar.get_xlabel() == "distance / m"
