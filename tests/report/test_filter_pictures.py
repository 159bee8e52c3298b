from types import SimpleNamespace

import numpy as np
import pytest

from deepsphere.files import sha256_file
from deepsphere.nn.learned_filters import save_filters
from deepsphere.report import filter_pictures as module
from deepsphere.report.filter_pictures import filter_pictures
from deepsphere.report.runs import Run
from deepsphere.report.style import new_figure

VIEWS = SimpleNamespace(
    channels=np.array([[0, 1]]),
    coefficients=np.ones((3, 1)),
    degrees=None,
    extent=0.3,
    **{
        name: (np.arange(4.0), np.ones((4, 1)))
        for name in ("response", "around", "eastward", "northward", "plane")
    },
)


def write_run(folder, layers):
    path = folder / "filters.npz"
    with path.open("wb") as stream:
        save_filters(stream, layers)
    evaluation = folder / "evaluation.json"
    return Run(3, {}, evaluation, "", evaluation, "", (), path, sha256_file(path))


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path, {"blocks.0.convolution": VIEWS, "last": VIEWS})


def test_a_model_without_graph_filters_has_no_picture(tmp_path):
    assert not list(filter_pictures("planar", write_run(tmp_path, {}), "2-D CNN", "Maps"))


def test_each_layer_has_a_picture_that_names_the_run(run, monkeypatch):
    titles = []

    def plot_filters(views, title):
        np.testing.assert_array_equal(views.coefficients, VIEWS.coefficients)
        titles.append(title)
        return new_figure(1, 1)

    monkeypatch.setattr(module, "plot_filters", plot_filters)
    found = list(filter_pictures("k20", run, "FCN", "Maps"))
    assert [picture.name for picture in found] == [
        "filters-k20-blocks-0-convolution",
        "filters-k20-last",
    ]
    assert titles == [f"Maps\nfilters of the layer {n}" for n in ("blocks.0.convolution", "last")]
    assert all(picture.caption.startswith("FCN, seed 3: ") for picture in found)
