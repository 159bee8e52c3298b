"""HEALPix maps in FITS files as healpy and others write them, and damaged ones."""

import gzip
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.io import fits

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo.fits import read_fits
from deepsphere.sources.cosmo.skies import UNSEEN

SPHERE = Healpix(8)
NESTED = np.random.default_rng(0).standard_normal((3, len(SPHERE)))


def nested_values(content: Path | bytes, column: int | str, is_nested: bool | None) -> np.ndarray:
    sky = read_fits(content, column, is_nested)
    return sky.values if sky.is_nested else SPHERE.from_ring(sky.values)


@pytest.mark.parametrize("nest", [True, False])
@pytest.mark.parametrize("column_names", [None, ["bin1", "bin2", "bin3"]])
@pytest.mark.parametrize("loose", [True, False])
def test_files_of_healpy(
    tmp_path: Path, nest: bool, column_names: list[str] | None, loose: bool
) -> None:
    path = tmp_path / "a.fits"
    maps = NESTED if nest else SPHERE.to_ring(NESTED, axis=1)
    healpy.write_map(path, maps, nest=nest, column_names=column_names, dtype=np.float64)
    content = path if loose else path.read_bytes()
    np.testing.assert_array_equal(nested_values(content, 2, None), NESTED[2])
    if column_names:
        np.testing.assert_array_equal(nested_values(content, "bin2", None), NESTED[1])


def test_compressed_file(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    healpy.write_map(path, NESTED[0], nest=True, dtype=np.float64)
    packed = tmp_path / "a.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    for content in (packed, packed.read_bytes()):
        np.testing.assert_array_equal(nested_values(content, 0, None), NESTED[0])


def test_part_of_the_sky_is_filled_up(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    ring = np.full(len(SPHERE), UNSEEN)
    ring[100:300] = np.arange(200.0)
    healpy.write_map(path, ring, partial=True, dtype=np.float64)
    np.testing.assert_array_equal(read_fits(path, 0, None).values, ring)
    with pytest.raises(DeepsphereError, match="there is no 1"):
        read_fits(path, 1, None)


def test_header_that_says_nothing(tmp_path: Path) -> None:
    """nside from the number of pixels, RING unless the configuration says another order."""
    path = tmp_path / "a.fits"
    column = fits.Column(name="KAPPA", format="E", array=NESTED[0].astype(">f4"))
    image = fits.ImageHDU(np.zeros((4, 4)))
    table = fits.BinTableHDU.from_columns([column])
    fits.HDUList([fits.PrimaryHDU(), image, table]).writeto(path)
    sky = read_fits(path, "KAPPA", None)
    assert not sky.is_nested
    assert sky.nside == 8
    np.testing.assert_array_equal(sky.values, NESTED[0].astype("f4"))
    assert read_fits(path, 0, True).is_nested


def test_configuration_overrules_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    healpy.write_map(path, NESTED[0], nest=True)
    assert not read_fits(path, 0, False).is_nested


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [("NSIDE", 16, "Wrong nside"), ("ORDERING", "NUNIQ", "expected RING or NESTED")],
)
def test_header_that_contradicts_the_table(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    path = tmp_path / "a.fits"
    healpy.write_map(path, NESTED[0])
    with fits.open(path, mode="update") as units:
        units[1].header[key] = value
    with pytest.raises(DeepsphereError, match=message):
        read_fits(path, 0, None)


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")
def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    healpy.write_map(path, NESTED[0], dtype=np.float64)
    whole = path.read_bytes()
    packed = gzip.compress(whole)
    for content in (b"", b"no FITS", whole[:3000], whole[: len(whole) // 2], packed[:500]):
        path.write_bytes(content)
        for form in (path, content):
            with pytest.raises(DeepsphereError, match=r"is no HEALPix map in a FITS|no binary"):
                read_fits(form, 0, None)


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    healpy.write_map(path, NESTED[0], column_names=["KAPPA"])
    for column in (1, "GAMMA"):
        with pytest.raises(DeepsphereError, match=f"KAPPA; there is no {column!r}"):
            read_fits(path, column, None)
