"""HEALPix maps in FITS files as healpy and others write them, and damaged ones."""

import gzip
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

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


def written(
    path: Path, columns: dict[str, np.ndarray], primary: dict[str, object], **header: object
) -> Path:
    """Write a table as none of healpy's, with its columns in the order that they are given."""
    table = fits.BinTableHDU(Table(columns))
    table.header.update(header)
    units = fits.HDUList([fits.PrimaryHDU(), table])
    units[0].header.update(primary)
    units.writeto(path)
    return path


@pytest.mark.parametrize(
    ("primary", "header", "is_nested"),
    [
        ({}, {"ORDERING": "nested"}, True),
        ({}, {"ORDERING": "Nest"}, True),
        ({}, {"ORDERING": "ring"}, False),
        ({"ORDERING": "NESTED", "NSIDE": 8}, {}, True),
        ({"ORDERING": "NESTED", "NSIDE": 16}, {"ORDERING": "RING", "NSIDE": 8}, False),
        ({}, {"ORDERING": "", "NSIDE": "8"}, False),
    ],
)
def test_order_in_either_header_however_it_is_written(
    tmp_path: Path, primary: dict[str, object], header: dict[str, object], is_nested: bool
) -> None:
    path = written(tmp_path / "a.fits", {"SIGNAL": NESTED[0]}, primary, **header)
    sky = read_fits(path, 0, None)
    assert sky.is_nested == is_nested
    np.testing.assert_array_equal(sky.values, NESTED[0])


PIXELS = np.random.default_rng(1).permutation(len(SPHERE))


@pytest.mark.parametrize("count", [200, len(SPHERE)])
@pytest.mark.parametrize(
    ("names", "header"),
    [
        (("PIXEL", "SIGNAL"), {}),
        (("SIGNAL", "Pixel"), {"INDXSCHM": "EXPLICIT"}),
        (("index", "SIGNAL"), {"INDXSCHM": "explicit", "OBJECT": "Virgo"}),
        (("index", "SIGNAL"), {"INDXSCHM": "EXPLICIT", "OBJECT": "FULLSKY"}),
        (("index", "SIGNAL"), {"OBJECT": "partial"}),
    ],
)
def test_listed_pixels_in_any_order(
    tmp_path: Path, count: int, names: tuple[str, str], header: dict[str, object]
) -> None:
    """What is said to list pixels, or has the column that does, is put where it belongs."""
    listed = PIXELS[:count].astype(np.int32)
    columns = {name: listed if name != "SIGNAL" else NESTED[0, listed] for name in names}
    path = written(tmp_path / "a.fits", columns, {"NSIDE": 8}, **header)
    expected = np.full(len(SPHERE), UNSEEN)
    expected[listed] = NESTED[0, listed]
    for column in (0, "SIGNAL"):
        np.testing.assert_array_equal(read_fits(path, column, None).values, expected)


def test_whole_numbers_are_filled_up_too(tmp_path: Path) -> None:
    columns = {"PIXEL": np.array([7, 3]), "HITS": np.array([1, 2], np.int16)}
    values = read_fits(written(tmp_path / "a.fits", columns, {}, NSIDE=8), "HITS", None).values
    np.testing.assert_allclose(values[[7, 3, 0]], [1, 2, UNSEEN])


@pytest.mark.parametrize(
    ("pixels", "header", "message"),
    [
        ([-1, 3], {"NSIDE": 8}, r"lists pixels from -1 to 3.*0 to 767"),
        ([3, 768], {"NSIDE": 8}, r"lists pixels from 3 to 768"),
        ([0.5, 3], {"NSIDE": 8}, r"lists pixels from 0\.5 to 3\.0.*whole numbers"),
        ([np.nan, 3], {"NSIDE": 8}, r"lists pixels from nan"),
        ([3, 3], {"NSIDE": 8}, "lists 1 pixels more than once"),
        ([0, 3], {}, "states no NSIDE"),
        ([0, 3], {"NSIDE": 2**28}, "states nside 268435456"),
        ([[0, 1], [2, 3]], {"NSIDE": 8}, "lists 4 pixels, but has 2 values"),
    ],
)
def test_listed_pixels_that_cannot_be(
    tmp_path: Path, pixels: list[float], header: dict[str, object], message: str
) -> None:
    columns = {"PIXEL": np.array(pixels), "SIGNAL": np.array([7.0, 9.0])}
    path = written(tmp_path / "a.fits", columns, {}, INDXSCHM="EXPLICIT", **header)
    with pytest.raises(DeepsphereError, match=message):
        read_fits(path, 0, None)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("NSIDE", 16, "states nside 16, which has 3,072 pixels; its column T has 768"),
        ("NSIDE", 0, "states nside 0; expected"),
        ("NSIDE", 8.5, r"states nside 8\.5; expected"),
        ("NSIDE", "many", "is no HEALPix map"),
        ("ORDERING", "NUNIQ", "expected RING or NESTED"),
        ("ORDERING", 5, "expected RING or NESTED"),
    ],
)
def test_header_that_contradicts_the_table(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    path = tmp_path / "a.fits"
    healpy.write_map(path, NESTED[0], dtype=np.float64)
    with fits.open(path, mode="update") as units:
        units[1].header[key] = value
    with pytest.raises(DeepsphereError, match=message):
        read_fits(path, 0, None)


def test_what_is_compressed_otherwise_or_wrongly(tmp_path: Path) -> None:
    """astropy would open some of it, if packages are there, and not look at gzip's checksum."""
    path = tmp_path / "a.fits"
    healpy.write_map(path, NESTED[0], dtype=np.float64)
    packed = gzip.compress(path.read_bytes())
    wrong_sum = packed[:-8] + bytes(4) + packed[-4:]
    for content in (wrong_sum, packed[:-9], b"PK\3\4" + bytes(99), b"\x1f\x9d\x90" + bytes(99)):
        path.write_bytes(content)
        for form in (path, content):
            with pytest.raises(DeepsphereError, match="is no HEALPix map in a FITS file"):
                read_fits(form, 0, None)


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
