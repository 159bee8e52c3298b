"""Masks: what is seen, at any nside."""

import zipfile
from pathlib import Path

import healpy
import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo.masks import read_mask
from deepsphere.sources.cosmo.skies import UNSEEN

NORTH = Healpix(8).positions[:, 2] > 0.3
"""NESTED."""


@pytest.mark.parametrize("nest", [True, False])
@pytest.mark.parametrize("gap", [0, -1, UNSEEN, np.nan])
def test_positive_is_seen(tmp_path: Path, nest: bool, gap: float) -> None:
    values = np.where(NORTH, 0.7, gap)
    values = values if nest else Healpix(8).to_ring(values)
    healpy.write_map(tmp_path / "mask.fits", values, nest=nest, dtype=float)
    np.testing.assert_array_equal(read_mask(tmp_path, "mask.fits", 8, None), NORTH)


def test_other_nside(tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", NORTH)
    finer = read_mask(tmp_path, "mask.npy", 32, "nested")
    np.testing.assert_array_equal(finer, np.repeat(NORTH, 16))
    coarser = read_mask(tmp_path, "mask.npy", 4, "nested")
    np.testing.assert_array_equal(coarser, NORTH.reshape(-1, 4).sum(axis=1) >= 2)
    for nside in (6, 24):
        with pytest.raises(DeepsphereError, match=r"mask: mask\.npy has nside 8"):
            read_mask(tmp_path, "mask.npy", nside, None)


def test_mask_in_an_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "mask.npy", NORTH)
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in/z.zip", "w") as archive:
        archive.write(tmp_path / "mask.npy", "a/mask.npy")
    np.testing.assert_array_equal(read_mask(tmp_path, "in/z.zip/a/mask.npy", 8, "nested"), NORTH)
    with pytest.raises(DeepsphereError, match=r"mask: in/z\.zip/b\.npy .*holds no b\.npy"):
        read_mask(tmp_path, "in/z.zip/b.npy", 8, None)


def test_masks_that_cannot_be(tmp_path: Path) -> None:
    np.save(tmp_path / "nothing.npy", np.zeros(48))
    (tmp_path / "broken.npy").write_bytes(b"")
    for name, message in (
        ("nothing.npy", "shows no pixel"),
        ("broken.npy", "mask: broken.npy is no array"),
        ("missing.npy", "is no file of a map"),
        ("..", "is no file of a map"),
    ):
        with pytest.raises(DeepsphereError, match=message):
            read_mask(tmp_path, name, 2, None)
