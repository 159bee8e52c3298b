"""What is kept of the filters of a model is read back as it was, or refused in one line."""

from dataclasses import replace

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.nn.learned_filters import FilterViews, read_filters, save_filters

RANDOM = np.random.default_rng(0)


def make_views(degrees):
    def curves(places, *shape):
        return RANDOM.normal(size=(places, *shape)), RANDOM.normal(size=(places, 2))

    return FilterViews(
        channels=np.array([[0, 1], [0, 3]]),
        coefficients=RANDOM.normal(size=(5, 2)),
        response=curves(7),
        degrees=(np.array([0, 5, 10]), RANDOM.normal(size=3)) if degrees else None,
        around=curves(6),
        eastward=curves(4),
        northward=curves(3),
        plane=curves(9, 2),
        extent=0.3,
    )


def flat(views):
    for name in ("channels", "coefficients", "extent", "degrees"):
        yield name, getattr(views, name)
    for name in ("response", "around", "eastward", "northward", "plane"):
        for place, values in enumerate(getattr(views, name)):
            yield f"{name} {place}", values


@pytest.mark.parametrize("layers", [{}, {"first.convolution": True, "last": False}])
def test_filters_are_read_back(tmp_path, layers):
    path = tmp_path / "filters.npz"
    views = {name: make_views(degrees) for name, degrees in layers.items()}
    with path.open("wb") as stream:
        save_filters(stream, views)
    found = read_filters(path)
    assert list(found) == list(layers)
    for name, expected in views.items():
        for (what, saved), (_, read) in zip(flat(expected), flat(found[name]), strict=True):
            if saved is None:
                assert read is None
            elif what == "degrees":
                np.testing.assert_array_equal(saved[0], read[0])
                np.testing.assert_array_equal(saved[1], read[1])
            else:
                np.testing.assert_array_equal(saved, read)


def test_views_of_unequally_many_filters_are_refused():
    views = make_views(True)
    with pytest.raises(
        ValueError, match=r"expected values of 1 filters, found \[2, 2, 2, 2, 2, 2\]"
    ):
        replace(views, channels=views.channels[:1])
    places, values = views.eastward
    with pytest.raises(
        ValueError, match=r"expected values of 2 filters, found \[2, 2, 2, 1, 2, 2\]"
    ):
        replace(views, eastward=(places, values[:, :1]))


@pytest.mark.parametrize(
    "change",
    [
        None,
        {"0-channels": None},
        {"0-channels": np.array(1)},
        {"0-channels": np.array([[0, 1]])},
        {"0-coefficients": np.array(1.0)},
        {"0-plane-values": np.zeros((9, 3))},
        {"0-extent": np.zeros(2)},
    ],
)
def test_damaged_filters_are_named(tmp_path, change):
    path = tmp_path / "filters.npz"
    with path.open("wb") as stream:
        save_filters(stream, {"first": make_views(True)})
    if change is None:
        path.write_text("x")
    else:
        with np.load(path) as arrays:
            content = {**arrays, **change}
        np.savez(path, **{name: value for name, value in content.items() if value is not None})
    with pytest.raises(
        DeepsphereError, match=r"filters.npz is damaged .*run the evaluate"
    ) as error:
        read_filters(path)
    assert "\n" not in str(error.value)
