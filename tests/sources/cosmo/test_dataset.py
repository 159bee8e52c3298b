"""The dataset of a store: order, coordinates, statistics, and that it stays on disk."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo.dataset import Kept, map_dataset
from deepsphere.sources.cosmo.entries import Entry
from deepsphere.sources.cosmo.published import find_entry
from deepsphere.sources.cosmo.settings import Store
from deepsphere.sources.meshes.moments import Moments
from deepsphere.stores.description import describe

NSIDE, PIXELS = 8, 768
SPLITS = ("train", "train", "validation", "test")


def store(**settings: Any) -> Store:
    values = {"kind": "cosmo", "source": "universes", "nside": NSIDE, **settings}
    return Store.model_validate(values)


@pytest.fixture
def maps(tmp_path: Path) -> list[Kept]:
    kept = []
    for number, split in enumerate(SPLITS):
        values = np.random.default_rng(number).standard_normal((PIXELS, 2)).astype(np.float32)
        values *= number + 1
        np.save(tmp_path / f"{number}.npy", values)
        label = "low" if number % 2 else "high"
        parameters = (("Omega_m", 0.2 + number), ("sigma_8", 0.5 - number))
        seed = None if number == 3 else 7 * number
        entry = Entry(".", f"{number}.fits", label, parameters, seed, split)
        kept.append(Kept(entry, tmp_path / f"{number}.npy", Moments.of(values[np.newaxis])))
    return kept


@pytest.mark.parametrize(("order", "patches"), [(0, 1), (1, 12), (2, 48)])
def test_samples_are_patches_map_by_map(maps: list[Kept], order: int, patches: int) -> None:
    found = describe(map_dataset(maps, store(order=order, channels=["a", "b"])))
    whole = np.concatenate([np.load(each.path) for each in maps])
    assert found["data"].shape == (4 * patches, PIXELS // patches, 2)
    np.testing.assert_array_equal(found["data"].values.reshape(-1, 2), whole)
    assert found["map"].values.tolist() == [n for n in range(4) for _ in range(patches)]
    assert found["patch"].values.tolist() == [*range(patches)] * 4
    assert found["label"].values[::patches].tolist() == [0, 1, 0, 1]
    assert found["seed"].values[::patches].tolist() == [0, 7, 14, -1]
    assert found["split"].values[::patches].tolist() == [0, 0, 1, 2]
    np.testing.assert_allclose(found["Omega_m"].values[::patches], [0.2, 1.2, 2.2, 3.2])
    np.testing.assert_allclose(found["sigma_8"].values[::patches], [0.5, -0.5, -1.5, -2.5])
    types = {name: found[name].dtype.str for name in ("patch", "map", "label", "seed", "split")}
    assert types == {"patch": "<i2", "map": "<i4", "label": "<i2", "seed": "<i4", "split": "|u1"}
    attrs = {name: found.attrs[name] for name in ("order", "nside", "patch_pixels", "class_names")}
    assert attrs == {
        "order": order,
        "nside": NSIDE,
        "patch_pixels": PIXELS // patches,
        "class_names": ["high", "low"],
    }
    assert found.attrs["maps"] == ["0.fits", "1.fits", "2.fits", "3.fits"]
    assert found.attrs["parameters"] == ["Omega_m", "sigma_8"]


@pytest.mark.parametrize(("order", "reference"), [(0, 0), (1, 0), (1, 5), (2, 47)])
def test_cells_are_those_of_the_reference_patch(
    maps: list[Kept], order: int, reference: int
) -> None:
    settings = store(order=order, reference=reference, channels=["a", "b"])
    found = map_dataset(maps, settings)
    pixels = np.arange(PIXELS).reshape(settings.patches, -1)[reference]
    vectors = unit_vectors(found["longitude"].values, found["latitude"].values)
    np.testing.assert_allclose(vectors, Healpix(NSIDE).positions[pixels], atol=1e-14)
    assert found.attrs["reference_patch"] == reference
    assert found.attrs["sampling"] == settings.sampling


def test_data_are_a_block_a_map_and_read_when_asked_for(maps: list[Kept]) -> None:
    found = map_dataset(maps, store(channels=["a", "b"]))
    assert found["data"].chunks == ((12,) * 4, (64,), (2,))
    assert found["data"].dtype == np.float32
    maps[1].path.unlink()
    found["data"][24:].compute()
    with pytest.raises(FileNotFoundError):
        found["data"][12:24].compute()


def statistics(maps: list[Kept], *numbers: int) -> tuple[np.ndarray, np.ndarray]:
    values = np.concatenate([np.load(maps[number].path) for number in numbers]).astype(float)
    return values.mean(axis=0), values.std(axis=0)


def test_statistics_are_of_the_maps_of_each_split(maps: list[Kept]) -> None:
    division = {"kind": "seed-grouped"}
    found = map_dataset(maps, store(channels=["a", "b"], split=division)).attrs["statistics"]
    assert list(found) == ["train", "validation", "test"]
    for split, numbers in (("train", (0, 1)), ("validation", (2,)), ("test", (3,))):
        mean, deviation = statistics(maps, *numbers)
        assert found[split]["maps"]["samples"] == 12 * len(numbers)
        np.testing.assert_allclose(found[split]["maps"]["mean"], mean, atol=1e-12)
        np.testing.assert_allclose(found[split]["maps"]["deviation"], deviation, rtol=1e-12)


def test_published_statistics_are_those_before_validation_was_drawn(maps: list[Kept]) -> None:
    maps[2] = replace(maps[2], entry=replace(maps[2].entry, split="train"))
    found = map_dataset(maps, store(channels=["a", "b"]))
    assert np.bincount(found["split"]).tolist() == [28, 8, 12]
    _, deviation = statistics(maps, 0, 1, 2)
    for split, samples in (("train", 28), ("validation", 8)):
        of_split = found.attrs["statistics"][split]["maps"]
        assert of_split["samples"] == samples
        np.testing.assert_allclose(of_split["deviation"], deviation, rtol=1e-12)


def test_patches_that_were_not_seen_are_no_samples(maps: list[Kept]) -> None:
    seen = np.zeros(PIXELS, np.bool_)
    seen[[64, 65, 11 * 64]] = True
    found = map_dataset(maps, store(channels=["a", "b"]), seen)
    assert found["patch"].values.tolist() == [1, 11] * 4
    whole = np.load(maps[2].path).reshape(12, 64, 2)
    np.testing.assert_array_equal(found["data"].values[4:6], whole[[1, 11]])
    assert "seen" not in found
    of_sphere = map_dataset(maps, store(order=0, channels=["a", "b"]), seen)
    np.testing.assert_array_equal(of_sphere["seen"].values, seen)
    describe(of_sphere)
    with pytest.raises(DeepsphereError, match="shows no pixel"):
        map_dataset(maps, store(channels=["a", "b"]), np.zeros(PIXELS, np.bool_))


def test_maps_without_labels_have_parameters_only(maps: list[Kept]) -> None:
    unlabelled = [replace(each, entry=replace(each.entry, label=None)) for each in maps]
    found = describe(map_dataset(unlabelled, store(channels=["a", "b"])))
    assert "label" not in found
    assert "class_names" not in found.attrs
    assert found["Omega_m"].dims == ("sample",)


def test_what_the_name_of_a_map_does_not_say_is_not_known(maps: list[Kept]) -> None:
    """Published universes have a sigma_8, others that are called like them have none."""
    for number, omega_m in enumerate(["0p3", "0p26", "0p31", "0p28"]):
        entry = find_entry(".", f"kappa_omega_m_{omega_m}_s_{number}.npy")
        assert entry is not None
        split = maps[number].entry.split
        maps[number] = replace(maps[number], entry=replace(entry, split=split))
    found = describe(map_dataset(maps, store(order=0, channels=["a", "b"])))
    assert found.attrs["parameters"] == ["Omega_m", "sigma_8"]
    np.testing.assert_array_equal(found["Omega_m"], [0.3, 0.26, 0.31, 0.28])
    np.testing.assert_array_equal(found["sigma_8"], [np.nan, 0.91, 0.82, np.nan])
