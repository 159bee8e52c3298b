"""A run's folder gives the model back, ready for data in their own unit."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import deepsphere
from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, write_json
from deepsphere.graphs.recipe import Recipe
from deepsphere.inference.trained import Trained, load
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.digest import weights_digest
from deepsphere.nn.models.classifier import Classifier
from deepsphere.nn.models.dense_regressor import DenseRegressor
from deepsphere.samplings.healpix import Healpix
from deepsphere.stores.reader import Store, open_store

DENSE = "results/trial/dense/seed-0"
GLOBAL = "results/trial/global/seed-0"


def store_of(project: Path) -> Store:
    return open_store(project / "data/stores/maps")


def test_it_has_all_that_its_use_needs(finished: Path) -> None:
    trained = deepsphere.load(finished / DENSE)
    store, manifest = store_of(finished), read_json(finished / DENSE / "training.json", "it")
    assert isinstance(trained.model, DenseRegressor)
    assert not trained.model.training
    assert trained.digest == manifest["digest"] == weights_digest(trained.model.state_dict())
    assert trained.settings["model"] == {
        "kind": "dense-regressor",
        "kernel_size": 3,
        "widths": [4],
    }
    assert trained.settings["task"]["window"] == trained.input_channels == 3
    assert (trained.settings["variant"], trained.settings["seed"]) == ("dense", 0)
    assert trained.unit == store.attrs["units"][0] == "degC"
    assert trained.outputs is None
    assert trained.classes is None
    assert trained.normalization.channels == ("TMIN", "TMAX")
    pixels = store.shape[1]
    assert trained.sampling == f"stations:{pixels}"
    assert trained.hierarchy.pixels(0) == pixels
    assert trained.positions.shape == (pixels, 3)
    np.testing.assert_allclose(trained.longitude, store.longitude % 360, rtol=0, atol=1e-9)
    np.testing.assert_allclose(trained.latitude, store.latitude, rtol=0, atol=1e-9)
    assert deepsphere.load(str(finished / GLOBAL)).unit == "1"


def test_it_forecasts_what_the_evaluation_kept(finished: Path) -> None:
    """From the store's own numbers, with their gaps: sample c + 2 w is window w of channel c."""
    trained, values = load(finished / DENSE), store_of(finished)
    maps = values.read(np.arange(len(values)))
    with np.load(finished / DENSE / "predictions.npz") as kept:
        expected, days = kept["prediction"], kept["day"]
    first = np.searchsorted(values.times, days[::2]) - 3
    for number, channel in enumerate(values.channels):
        windows = maps[first[:, None] + np.arange(3), :, number].transpose(0, 2, 1)
        assert np.isnan(windows).any()
        found = trained.predict(windows, channel)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected[number::2], rtol=1e-5, atol=1e-4)


def test_it_tells_the_day_as_the_evaluation_did(finished: Path) -> None:
    """The task's channels are in another order than the store's."""
    trained, values = load(finished / GLOBAL), store_of(finished)
    assert values.channels == ("TMIN", "TMAX")
    assert trained.normalization.channels == ("TMAX", "TMIN")
    with np.load(finished / GLOBAL / "predictions.npz") as kept:
        expected, days = kept["prediction"], kept["day"]
    maps = values.read(np.searchsorted(values.times, days))
    found = trained.predict(maps[:, :, ::-1])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_it_may_be_moved_and_needs_no_store(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    windows = np.random.default_rng(0).normal(size=(2, store_of(project).shape[1], 3))
    before = load(project / DENSE).predict(windows, "TMAX")
    shutil.rmtree(project / "data/stores")
    shutil.rmtree(project / "data/raw")
    project.rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    for folder in (f"elsewhere/{DENSE}", tmp_path / "elsewhere" / DENSE):
        assert np.array_equal(load(folder).predict(windows, "TMAX"), before)
    monkeypatch.chdir(tmp_path / "elsewhere" / DENSE)
    assert np.array_equal(load(".").predict(windows, "TMAX"), before)


def edit(path: str, change: Callable[[Any], None]) -> Callable[[Path], None]:
    """Return what changes a JSON file of a project."""

    def apply(project: Path) -> None:
        content = json.loads((project / path).read_text())
        change(content)
        write_json(project / path, content)

    return apply


def remove(path: str) -> Callable[[Path], None]:
    return lambda project: (project / path).unlink()


def scale_weights(project: Path) -> None:
    path = project / DENSE / "model.pt"
    weights = torch.load(path, weights_only=True)
    torch.save({name: 2 * value for name, value in weights.items()}, path)


def rebuild_graph(project: Path) -> None:
    (positions,) = (project / "data/graphs/near/graph.zarr/level-0/positions").rglob("c/0/0")
    content = bytearray(positions.read_bytes())
    content[0] ^= 1
    positions.write_bytes(content)


def swap_statistics(project: Path) -> None:
    other = project / GLOBAL / "normalization.npz"
    shutil.copy(other, project / DENSE / "normalization.npz")


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (remove(f"{DENSE}/training.json"), "manifest of the training: .*training.json does not ex"),
        (remove(f"{DENSE}/model.pt"), "model.pt cannot be read as tensors"),
        (remove(f"{DENSE}/normalization.npz"), "normalization.npz does not exist; train again"),
        (scale_weights, "model.pt is not the model that its manifest promises; train again"),
        (swap_statistics, "normalization.npz is not the file that its manifest promises; train"),
        (
            lambda project: (project / "data/graphs").rename(project / "data/old"),
            "seed-0: the graph of this run is not at .*project/data/graphs/near; move a run tog",
        ),
        (rebuild_graph, "graph: .*near/graph.zarr has the digest .*, its manifest promises"),
        (
            edit(f"{DENSE}/training.json", lambda manifest: manifest.pop("use")),
            "training.json is no manifest of a training, or one of another version",
        ),
        (
            edit(f"{DENSE}/training.json", lambda manifest: manifest["use"].pop("turn")),
            "training.json is no manifest of .*and in use input_channels, .*turn, .*; train again",
        ),
        (
            edit(f"{DENSE}/training.json", lambda manifest: manifest["model"].update(widths=[5])),
            "model.pt was trained with another version of DenseRegressor, whose blocks.0.bias, .*"
            "last.weight differ; train again",
        ),
    ],
)
def test_what_is_missing_or_another_ones_is_said(
    project: Path, break_it: Callable[[Path], None], message: str
) -> None:
    break_it(project)
    with pytest.raises(DeepsphereError, match=message):
        load(project / DENSE)


def test_how_states_came_to_the_pixels_is_known(project: Path) -> None:
    before = load(project / DENSE)
    assert (before.method, before.winds) == (None, ())
    described = {"method": "bilinear", "winds": [["U850", "V850"]]}
    edit(f"{DENSE}/training.json", lambda use: use["use"].update(regridding=described))(project)
    after = load(project / DENSE)
    assert (after.method, after.winds) == ("bilinear", (("U850", "V850"),))


def test_random_numbers_do_not_depend_on_it(finished: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    load(finished / DENSE)
    assert torch.equal(torch.rand(3), expected)


@pytest.fixture
def trained(finished: Path) -> Trained:
    return load(finished / DENSE)


def test_predicting_changes_no_model_that_is_being_trained(trained: Trained) -> None:
    windows = np.random.default_rng(0).normal(size=(130, trained.hierarchy.pixels(0), 3))
    expected = trained.predict(windows, "TMIN")
    assert not trained.model.training
    trained.model.train()
    np.testing.assert_array_equal(trained.predict(windows, "TMIN"), expected)
    assert trained.model.training
    assert weights_digest(trained.model.state_dict()) == trained.digest
    # A sample's prediction is its own, whatever else is predicted, and wherever it is cut.
    for number in (0, 64, 129):
        alone = trained.predict(windows[number : number + 1], "TMIN")
        np.testing.assert_allclose(alone[0], expected[number], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", [(0, 1, 3), (2, 2, 3), (2, 1, 2)])
def test_data_of_another_shape(trained: Trained, shape: tuple[int, int, int]) -> None:
    """Given as samples, pixels in units of those that there are, and channels."""
    pixels = trained.hierarchy.pixels(0)
    samples, times, channels = shape
    values = np.zeros((samples, times * pixels, channels), np.float32)
    with pytest.raises(ValueError, match=rf"shape \(1 or more, {pixels}, 3\), found \({samples},"):
        trained.predict(values, "TMIN")


def test_windows_are_of_a_channel(trained: Trained) -> None:
    values = np.zeros((1, trained.hierarchy.pixels(0), 3), np.float32)
    for channel in (None, "PRCP"):
        with pytest.raises(DeepsphereError, match=f"found {channel!r}, name one of TMIN, TMAX"):
            trained.predict(values, channel)


@pytest.mark.parametrize("parts", [1, 12])
def test_classes_of_the_parts_of_a_sky(trained: Trained, parts: int) -> None:
    """A whole sky of one part has no axis of parts; each part's probabilities are its own."""
    hierarchy = build_graph_hierarchy(Healpix(2), 2, Recipe(3, parts=parts, refinement=0))
    of_sky = dataclasses.replace(
        trained,
        model=Classifier(2, 3, hierarchy, kernel_size=2, widths=(4,)).eval(),
        hierarchy=hierarchy,
        input_channels=2,
        normalization=None,
        outputs=("cone", "cube", "tube"),
        classes=("cone", "cube", "tube"),
    )
    maps = np.random.default_rng(0).normal(size=(2, 48, 2))
    logits, found = of_sky.predict(maps).astype(float), of_sky.probabilities(maps)
    assert found.shape == ((2, 3) if parts == 1 else (2, 12, 3))
    powers = np.exp(logits)
    np.testing.assert_allclose(found, powers / powers.sum(axis=-1, keepdims=True), rtol=1e-5)
    maps[:, 4:] += 1
    assert np.array_equal(found[:, 0], of_sky.probabilities(maps)[:, 0]) == (parts > 1)


def test_a_task_that_normalizes_nothing(project: Path) -> None:
    without = edit(
        f"{DENSE}/training.json", lambda manifest: manifest["use"].update(normalization=None)
    )
    without(project)
    trained = load(project / DENSE)
    values = np.random.default_rng(0).normal(size=(2, trained.hierarchy.pixels(0), 3))
    with torch.no_grad():
        expected = trained.model(torch.as_tensor(values, dtype=torch.float32)).numpy()
    np.testing.assert_array_equal(trained.predict(values), expected)
