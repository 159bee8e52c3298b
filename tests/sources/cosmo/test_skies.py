"""Averages of maps: healpy's, for every order, type and gap."""

import healpy
import numpy as np
import pytest
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo.skies import UNSEEN, Sky, averaged, lacking


def random_map(nside: int) -> NDArray[np.float64]:
    return np.random.default_rng(nside).standard_normal(12 * nside**2)


@pytest.mark.parametrize("order", ["RING", "NESTED"])
@pytest.mark.parametrize("nside", [1, 4, 32])
def test_average_is_that_of_healpy(order: str, nside: int) -> None:
    values = random_map(32)
    expected = healpy.ud_grade(values, nside, order_in=order, order_out="NESTED")
    found = averaged(Sky(values, order == "NESTED"), nside)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_average_leaves_out_pixels_without_value_as_healpy_does() -> None:
    values = random_map(16)
    values[::3] = UNSEEN
    values[12 * 16**2 // 2 :] = UNSEEN
    expected = healpy.ud_grade(values, 4, order_out="NESTED")
    found = averaged(Sky(values, is_nested=False), 4)
    np.testing.assert_array_equal(np.isnan(found), expected == UNSEEN)
    np.testing.assert_allclose(found, np.where(expected == UNSEEN, np.nan, expected), atol=1e-14)


def test_average_takes_nside_that_is_no_power_of_two() -> None:
    """The mean over the children of the sampling's own hierarchy."""
    values, fine = random_map(12), Healpix(12)
    coarsening = fine.coarser()
    assert coarsening is not None
    expected = coarsening.matrix @ fine.from_ring(values)
    np.testing.assert_allclose(averaged(Sky(values, is_nested=False), 6), expected, atol=1e-14)


@pytest.mark.parametrize("dtype", [">f4", ">f8", "<f2", "<i4", "|b1"])
def test_average_of_any_type(dtype: str) -> None:
    values = (random_map(8) * 3).astype(dtype)
    expected = healpy.ud_grade(values.astype(float), 2, order_out="NESTED")
    np.testing.assert_allclose(averaged(Sky(values, is_nested=False), 2), expected, atol=1e-14)


@pytest.mark.parametrize("nside", [16, 3, 6])
def test_average_refuses_other_nside(nside: int) -> None:
    with pytest.raises(DeepsphereError, match=f"has nside 8; the store's {nside}"):
        averaged(Sky(random_map(8), is_nested=False), nside)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4"])
def test_pixels_without_value_are_counted(dtype: str) -> None:
    values = random_map(4).astype(dtype)
    values[:3] = [np.nan, np.inf, -np.inf]
    assert lacking(Sky(values, is_nested=True)) == 3
    if np.dtype(dtype).itemsize > 2:
        values[3:5] = UNSEEN
        assert lacking(Sky(values, is_nested=True)) == 5


@pytest.mark.parametrize("shape", [(0,), (47,), (24,), (2, 48)])
def test_other_sizes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(DeepsphereError, match="12 nside"):
        Sky(np.zeros(shape), is_nested=False)


def test_other_types_are_refused() -> None:
    with pytest.raises(DeepsphereError, match="expected numbers"):
        Sky(np.zeros(48, complex), is_nested=False)
