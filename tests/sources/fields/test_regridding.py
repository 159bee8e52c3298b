"""States on rows and columns, brought to a sampling."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.build import build_weights
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.fields.regridding import Regridding, prepare_regridding
from deepsphere.sources.fields.states import State

GRID = LatitudeLongitude(np.linspace(-90, 90, 25), np.arange(36) * 10.0)
CHANNELS = ("TMQ", "U850", "V850")


def prepare(folder: Path, **options: Any) -> Regridding:
    options = {"method": "conservative", **options}
    return prepare_regridding(GRID, "healpix:8", CHANNELS, folder, **options)


def state(labels: Any = 0) -> State:
    """Return 3, and the winds of the air that turns about the axis through 0°E 0°N."""
    longitude, latitude = np.radians(GRID.coordinates())
    east = -np.sin(latitude) * np.cos(longitude)
    north = np.sin(longitude)
    fields = np.stack([np.full(len(GRID), 3.0), east, north]).astype(np.float32)
    return State(fields, np.broadcast_to(np.uint8(labels), len(GRID)), "25 x 36")


def test_fields_and_labels_are_those_of_the_weights(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 3, len(GRID)).astype(np.uint8)
    found = prepare(tmp_path)(state(labels))
    assert found.shape == (768, 4)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[:, 0], 3)
    conservative = build_weights(GRID, Healpix(8), "conservative")
    np.testing.assert_array_equal(found[:, :3].T, conservative.apply(state().fields))
    nearest = build_weights(GRID, Healpix(8), "nearest").matrix.indices
    np.testing.assert_array_equal(found[:, 3], labels[nearest])


def test_fractions_keep_the_area_of_each_class(tmp_path: Path) -> None:
    labels = np.random.default_rng(1).integers(0, 3, len(GRID)).astype(np.uint8)
    found = prepare(tmp_path, fractions=True)(state(labels))
    assert found.shape == (768, 6)
    np.testing.assert_allclose(found[:, 3:].sum(axis=1), 1, atol=1e-6)
    areas = [GRID.areas[labels == number].sum() for number in range(3)]
    # Pixels of HEALPix have equal areas.
    np.testing.assert_allclose(found[:, 3:].mean(axis=0) * 4 * np.pi, areas, rtol=1e-5)


def test_unknown_labels_are_nan(tmp_path: Path) -> None:
    assert np.isnan(prepare(tmp_path)(state(255))[:, 3]).all()
    assert np.isnan(prepare(tmp_path, fractions=True)(state(255))[:, 3:]).all()


def test_winds_as_vectors_turn_with_the_sphere(tmp_path: Path) -> None:
    longitude, latitude = np.radians(longitude_latitude(Healpix(8).positions))
    truth = np.stack([-np.sin(latitude) * np.cos(longitude), np.sin(longitude)], axis=1)
    vectors = prepare(tmp_path, vector_winds=True)(state())[:, 1:3]
    components = prepare(tmp_path)(state())[:, 1:3]
    error = np.abs(vectors - truth).max()
    # Values at a pole stand for cells that reach 4 degrees from it.
    assert error < 0.03
    assert np.abs(components - truth).max() > 2 * error


def test_winds_without_their_partner_stay_as_they_are(tmp_path: Path) -> None:
    regridding = prepare_regridding(
        GRID, "healpix:8", ("U850",), tmp_path, method="nearest", vector_winds=True
    )
    assert regridding.winds == ()


def test_weights_are_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(tmp_path)
    monkeypatch.delattr("deepsphere.sources.fields.regridding.build_weights")
    assert prepare(tmp_path) == first
    assert {path.name.partition("-")[0] for path in tmp_path.iterdir()} == {
        "conservative",
        "nearest",
    }


def test_what_travels_is_small(tmp_path: Path) -> None:
    regridding = prepare(tmp_path)
    expected = regridding(state())
    assert len(pickle.dumps(regridding)) < 4000
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(regridding))(state()), expected)


def test_states_of_another_size(tmp_path: Path) -> None:
    other = State(np.zeros((3, 10), np.float32), np.zeros(10, np.uint8), "10 places")
    with pytest.raises(DeepsphereError, match=r"has 10 places; expected 900"):
        prepare(tmp_path)(other)
