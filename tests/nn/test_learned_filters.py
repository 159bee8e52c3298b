from types import SimpleNamespace

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.nn.learned_filters import read_filters, save_filters

RANDOM = np.random.default_rng(0)


def make_views(degrees):
    def curves(places, *shape):
        return RANDOM.normal(size=(places, *shape)), RANDOM.normal(size=(places, 2))

    return SimpleNamespace(
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


@pytest.mark.parametrize("content", ["text", "lacking"])
def test_damaged_filters_are_named(tmp_path, content):
    path = tmp_path / "filters.npz"
    if content == "text":
        path.write_text("x")
    else:
        np.savez(path, layers=np.array(["first"]))
    with pytest.raises(
        DeepsphereError, match=r"filters.npz is damaged .*run the evaluate"
    ) as error:
        read_filters(path)
    assert "\n" not in str(error.value)
