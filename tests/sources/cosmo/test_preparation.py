"""Preparation: healpy's own functions in the published order, and what stops and resumes it."""

import sys
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import healpy
import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo import preparation
from deepsphere.sources.cosmo.entries import Entry
from deepsphere.sources.cosmo.preparation import (
    Recipe,
    prepare_channel,
    prepare_maps,
    read_patches,
)
from deepsphere.sources.cosmo.skies import UNSEEN
from deepsphere.workers import Workers

SIGMA = np.radians(3.0)


def write_maps(raw: Path, maps: Sequence[np.ndarray]) -> list[Entry]:
    raw.mkdir()
    for number, values in enumerate(maps):
        np.save(raw / f"{number}.npy", values)
    return [Entry(".", f"{number}.npy", "a", (), None, None) for number in range(len(maps))]


def random_maps(count: int, nside: int = 16) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((count, 12 * nside**2)) + 5


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(tmp_path / "raw", tmp_path / "maps", 8, SIGMA, (0,), None)


def published(ring: np.ndarray, nside: int) -> np.ndarray:
    """The authors' steps, with healpy alone; NESTED."""
    nested = healpy.reorder(ring - ring.mean(), r2n=True)
    averaged = healpy.ud_grade(nested, nside, order_in="NESTED", order_out="NESTED")
    smoothed = healpy.smoothing(healpy.reorder(averaged, n2r=True), sigma=SIGMA)
    return healpy.reorder(smoothed, r2n=True).astype(np.float32)


def test_preparation_is_as_published(recipe: Recipe) -> None:
    maps = random_maps(3)
    prepared = prepare_maps(recipe, write_maps(recipe.raw, maps), Workers(2))
    for number, values in enumerate(maps):
        expected = published(values, 8)
        found = np.load(recipe.path(number))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found[:, 0], expected, rtol=0, atol=1e-6)
        moments, measured = prepared[number].moments, prepared[number].measured
        assert moments is not None
        assert measured is not None
        np.testing.assert_allclose(moments.deviation(), expected.std(dtype=float), rtol=1e-5)
        power = healpy.anafast(healpy.reorder(expected.astype(float), n2r=True), lmax=10)[1:]
        np.testing.assert_allclose(measured.power[0], power, rtol=1e-4)


def test_channels_are_columns(recipe: Recipe) -> None:
    maps = random_maps(3)
    entries = write_maps(recipe.raw, [maps])
    prepared = prepare_maps(replace(recipe, columns=(2, 0)), entries, Workers())
    found = np.load(recipe.path(0))
    for channel, column in enumerate((2, 0)):
        np.testing.assert_allclose(found[:, channel], published(maps[column], 8), atol=1e-6)
    assert prepared[0].measured is not None
    assert prepared[0].measured.power.shape == (2, 10)


def test_without_smoothing_means_are_what_is_kept(recipe: Recipe) -> None:
    values = random_maps(1)[0]
    entries = write_maps(recipe.raw, [values])
    found = prepare_channel(replace(recipe, sigma=0, nside=16), entries[0], 0)
    np.testing.assert_allclose(found, Healpix(16).from_ring(values) - values.mean(), atol=1e-14)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_patches_are_slices(recipe: Recipe, order: int) -> None:
    prepare_maps(recipe, write_maps(recipe.raw, random_maps(1)), Workers())
    whole, sphere = np.load(recipe.path(0)), Healpix(8)
    count = 12 * order**2
    numbers = np.array([0, 5, count - 1])
    patches = read_patches(recipe.path(0), numbers, len(sphere) // count)
    for patch, number in zip(patches, numbers, strict=True):
        np.testing.assert_array_equal(patch, whole[sphere.patch(number, count)])


def broken_maps() -> dict[str, np.ndarray]:
    lacking, unseen = random_maps(2)
    lacking[7] = np.nan
    unseen[8:10] = UNSEEN
    return {
        "has no value in 1 of 3,072 pixels": lacking,
        "has no value in 2 of 3,072 pixels": unseen,
        "has nside 4; the store's 8": random_maps(1, 4)[0],
        "has values of shape": np.ones(100),
        "is constant": np.full(3072, 0.1),
        "holds values as large as": random_maps(1)[0] * 1e299,
        "holds values as large as inf": np.full(3072, 1e308),
        "holds complex128": np.ones(3072, complex),
    }


def test_broken_maps_have_their_reasons(recipe: Recipe) -> None:
    broken = broken_maps()
    maps = [*broken.values(), random_maps(1)[0]]
    prepared = prepare_maps(recipe, write_maps(recipe.raw, maps), Workers(2))
    for each, reason in zip(prepared, broken, strict=False):
        assert each.reason is not None
        assert reason in each.reason
        assert str(recipe.raw) not in each.reason
    assert prepared[-1].reason is None
    assert [path.name for path in recipe.folder.glob("*.npy")] == [f"{len(broken):06d}.npy"]


def test_mask_takes_the_mean_of_what_was_seen(recipe: Recipe, tmp_path: Path) -> None:
    """Smoothed, what was not seen counts as the mean: as healpy does with UNSEEN."""
    seen = Healpix(8).positions[:, 2] > -0.2
    np.save(tmp_path / "seen.npy", seen)
    values = random_maps(1, 8)[0]
    nested = Healpix(8).from_ring(values)
    values[~Healpix(8).to_ring(seen)] = np.nan
    ring = Healpix(8).to_ring(np.where(seen, nested - nested[seen].mean(), UNSEEN))
    expected = Healpix(8).from_ring(healpy.smoothing(ring, sigma=SIGMA))
    entries = write_maps(recipe.raw, [values])
    masked = replace(recipe, seen=tmp_path / "seen.npy")
    found = prepare_channel(masked, entries[0], 0)
    np.testing.assert_array_equal(np.isnan(found), ~seen)
    np.testing.assert_allclose(found[seen], expected[seen], atol=1e-12)
    prepared = prepare_maps(masked, entries, Workers())
    assert prepared[0].moments is not None
    assert prepared[0].moments.values == seen.sum()
    values[Healpix(8).ring_indices[np.flatnonzero(seen)[0]]] = np.nan
    np.save(recipe.raw / "0.npy", values)
    with pytest.raises(DeepsphereError, match="in 1 pixels that the mask keeps"):
        prepare_channel(masked, entries[0], 0)


def test_killed_preparation_goes_on(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """The third map stops it; what was finished is not made again, and all is as without a stop."""
    maps = [*random_maps(5), np.zeros(7)]
    entries = write_maps(recipe.raw, maps)
    smoothed, calls = preparation.smoothed, []

    def stopping(values: np.ndarray, nside: int, sigma: float) -> np.ndarray:
        calls.append(nside)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return smoothed(values, nside, sigma)

    monkeypatch.setattr(preparation, "smoothed", stopping)
    with pytest.raises(KeyboardInterrupt):
        prepare_maps(recipe, entries, Workers(1))
    finished = sorted(path.name for path in recipe.folder.iterdir())
    assert finished == ["000000.json", "000000.npy", "000001.json", "000001.npy"]
    prepared = prepare_maps(recipe, entries, Workers(1))
    assert len(calls) == 6
    assert [each.reason is None for each in prepared] == [True] * 5 + [False]
    again = prepare_maps(recipe, entries, Workers(1))
    assert len(calls) == 6
    assert [each.reason for each in again] == [each.reason for each in prepared]
    fresh = replace(recipe, folder=recipe.folder.with_name("fresh"))
    prepare_maps(fresh, entries, Workers(2))
    for number in range(5):
        assert recipe.path(number).read_bytes() == fresh.path(number).read_bytes()
        record = recipe.path(number).with_suffix(".json").read_bytes()
        assert record == fresh.path(number).with_suffix(".json").read_bytes()


def test_missing_packages_are_no_reason_to_set_maps_aside(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = write_maps(recipe.raw, random_maps(1))
    monkeypatch.setitem(sys.modules, "healpy", None)
    with pytest.raises(DeepsphereError, match="pip install"):
        prepare_maps(recipe, entries, Workers())
    assert not recipe.folder.exists()


@pytest.mark.parametrize(("memory", "count"), [(None, 8), (10**12, 8), (130_000, 2), (1, 1)])
def test_threads_have_memory_for_a_map_each(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch, memory: int | None, count: int
) -> None:
    """A map of nside 8 takes 768 pixels of 80 bytes, and 4 for each channel."""
    counts = []

    def compute(workers: Workers, tasks: Sequence[object]) -> list[object]:
        counts.append(workers.count)
        return []

    monkeypatch.setattr(Workers, "compute", compute)
    entries = write_maps(recipe.raw, random_maps(1))
    with pytest.raises(DeepsphereError, match="record of a prepared map"):
        prepare_maps(recipe, entries, Workers(8, memory))
    # Two copies of a member of 98,432 bytes are more than that, whatever else is in the archive.
    with zipfile.ZipFile(recipe.raw / "z.zip", "w") as archive:
        with archive.open("0.npy", "w") as stream:
            np.lib.format.write_array(stream, random_maps(1, 32)[0])
        archive.writestr("other", bytes(10**6))
    with pytest.raises(DeepsphereError, match="record of a prepared map"):
        prepare_maps(recipe, [replace(entries[0], archive="z.zip")], Workers(8, memory))
    assert counts == [count, min(count, 1 if memory and memory < 10**6 else 8)]
