from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.files import sha256_file
from deepsphere.report import events
from deepsphere.report.precision_recall import Curve
from deepsphere.report.runs import Run
from deepsphere.report.segmentation_pictures import segmentation_pictures
from deepsphere.report.state_pictures import find_scene, state_pictures
from deepsphere.report.table import Cell, Row
from deepsphere.samplings.coordinates import longitude_latitude, unit_vectors
from deepsphere.samplings.healpix import Healpix
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store

CLASSES = ("background", "storm", "river")
POSITIONS = Healpix(4).positions
PIXELS = len(POSITIONS)
STATES = 9
TEST = np.array([2, 3, 4, 5, 8])
# Of the states, two runs; the storm is largest in the state 4.
RUNS = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
PLACES = {number: (30.0 * number, 20.0) for number in range(STATES)}


def cap(longitude, latitude, radius):
    place = unit_vectors(np.array(longitude), np.array(latitude))
    return POSITIONS @ place > np.cos(np.radians(radius))


def labels():
    found = np.zeros((STATES, PIXELS))
    for number, place in PLACES.items():
        found[number, cap(-90.0, -40.0, 40)] = 2
        found[number, cap(*place, 25 if number == 4 else 15)] = 1
    return found


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    longitude, latitude = longitude_latitude(POSITIONS)
    fields = np.random.default_rng(0).normal(size=(STATES, PIXELS, 2))
    dataset = xr.Dataset(
        {
            "data": (
                ("sample", "cell", "channel"),
                np.concatenate([fields, labels()[..., None]], axis=2).astype(np.float32),
            )
        },
        coords={
            "longitude": ("cell", longitude),
            "latitude": ("cell", latitude),
            "split": ("sample", np.where(np.isin(np.arange(STATES), TEST), 2, 0).astype(np.uint8)),
            "run": ("sample", RUNS.astype(np.int16)),
            "step": ("sample", np.arange(STATES, dtype=np.int32)),
            "time": (
                "sample",
                np.datetime64("2001-02-03T00", "ns") + 3 * np.arange(STATES).astype("m8[h]"),
            ),
        },
        attrs={
            "channels": ["dry", "TMQ", "label"],
            "units": ["1", "kg m-2", "1"],
            "sampling": "healpix:4",
            "label_channel": "label",
            "class_names": list(CLASSES),
        },
    )
    folder = tmp_path_factory.mktemp("stores") / "weather"
    return open_store(folder, write_store(dataset, folder, fingerprint={})["digest"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "predictions.npz"
    target = labels()[TEST].astype(np.uint8)
    target[:, :5] = 255
    recall = np.tile(np.linspace(0.1, 1, 10), (3, 1))
    np.savez(
        path,
        prediction=np.roll(target, 3, axis=1) % 3,
        target=target,
        sample=TEST,
        classes=np.array(CLASSES),
        confusion=np.array([[700.0, 10, 20], [5, 20, 0], [10, 0, 90]]),
        precision=1 - recall / 2,
        recall=recall,
    )
    task = {"kind": "segmentation", "channels": ["TMQ", "dry"]}
    history = ({"epoch": 1, "loss": 1.0, "validation": {"map": 0.5}},)
    return Run(7, task, path, "ab" * 32, path, sha256_file(path), history)


def test_the_scene_is_the_state_with_the_largest_storm_amid_those_around_it(store, run):
    scene = find_scene(store, run, CLASSES)
    assert scene.number == 4
    # The state 8 is of another run.
    assert scene.frames.tolist() == [2, 3, 4, 5]
    assert scene.channel == "TMQ"
    storm, river = (globe.image.projection for globe in scene.globes)
    assert cap(120.0, 20.0, 25)[(POSITIONS @ place(storm)).argmax()]
    assert cap(-90.0, -40.0, 40)[(POSITIONS @ place(river)).argmax()]


def place(projection):
    return unit_vectors(np.array(projection.longitude), np.array(projection.latitude))


def test_pictures_say_what_is_shown_and_only_the_featured_run_moves(store, run, monkeypatch):
    shown = []

    def remember(state, whole, globes, classes, scale):
        shown.append((state, scale))
        return original(state, whole, globes, classes, scale)

    original = events.draw
    monkeypatch.setattr(events, "draw", remember)
    scene = find_scene(store, run, CLASSES)
    drawn = list(state_pictures(scene, "unet", run, "U-Net, seed 7", "Title\nU-Net", True))
    assert [(each.name, each.kind) for each in drawn] == [
        ("events-unet", "png"),
        ("animation-unet", "gif"),
    ]
    assert drawn[0].caption.startswith("U-Net, seed 7: TMQ, and outlines")
    assert "in 4 test states that follow one another" in drawn[1].caption
    assert drawn[1].image.startswith(b"GIF89a")
    ((state, scale),) = shown
    np.testing.assert_array_equal(state.values, store.read([4])[0, :, 1])
    np.testing.assert_array_equal(state.truth[5:], labels()[4, 5:])
    assert state.title == "Title\nU-Net\n2001-02-03 12:00, run 0"
    assert scale.label == "TMQ / kg m⁻²"
    assert len(list(state_pictures(scene, "unet", run, "", "", False))) == 1


def test_a_store_of_other_pixels_is_refused(store, run):
    other = replace(store, shape=(STATES, PIXELS + 1, 3))
    with pytest.raises(DeepsphereError, match=r"are of 192 pixels, the store .* has 193"):
        find_scene(other, run, CLASSES)


def rows():
    names = ("map", "average_precision_storm", "average_precision_river")
    cells = {name: Cell(0.5, None, (0.5,)) for name in names}
    return [
        Row("task", name, kind, name, "sound", 1, cells, {}, None)
        for name, kind in (
            ("linear", "baseline"),
            ("unknown", "baseline"),
            ("unet", "variant"),
            ("other", "variant"),
        )
    ]


def test_a_segmentation_has_curves_maps_confusions_and_an_animation(store, run, monkeypatch):
    monkeypatch.setattr(events, "animate", lambda *_: b"GIF89a")
    listed = rows()
    runs = {"unet": [run, run], "other": [run]}
    labels_ = {"unet": "U-Net", "other": "Other"}
    curve = Curve(np.ones((3, 4)), np.tile(np.linspace(0, 1, 4), (3, 1)))
    arguments = ("task", "Task", listed, runs, labels_, listed[3], {"linear": curve})
    drawn = list(segmentation_pictures(*arguments, store))
    assert {picture.name: picture.featured for picture in drawn} == {
        "precision-recall-task": True,
        "events-unet": False,
        "confusion-unet": False,
        "accuracies-unet": False,
        "events-other": True,
        "animation-other": True,
        "confusion-other": True,
        "accuracies-other": True,
    }
    without = [picture.name for picture in segmentation_pictures(*arguments, None)]
    assert without == [
        each.name for each in drawn if not each.name.startswith(("events", "animation"))
    ]


def test_predictions_that_are_none_of_pixels_are_refused(run, tmp_path):
    path = Path(tmp_path / "predictions.npz")
    np.savez(
        path,
        prediction=np.ones((2, 2), np.float32),
        target=np.zeros(2, np.int64),
        classes=np.array(["a", "b"]),
        id=np.array(["x", "y"]),
    )
    wrong = replace(run, predictions=path, predictions_digest=sha256_file(path))
    with pytest.raises(DeepsphereError, match="are not of the pixels of states"):
        next(
            segmentation_pictures(
                "task", "Task", rows()[2:3], {"unet": [wrong]}, {"unet": "U-Net"}, None, {}, None
            )
        )
