"""Reading maps by the ends of their names, loose or in archives."""

import zipfile
from pathlib import Path

import healpy
import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.reader import LOOSE, is_map, read_sky

MAPS = np.random.default_rng(0).standard_normal((2, 48))


@pytest.mark.parametrize("ordering", [None, "ring", "nested"])
def test_both_forms_in_both_places(tmp_path: Path, ordering: str | None) -> None:
    np.save(tmp_path / "a.npy", MAPS)
    healpy.write_map(tmp_path / "a.FITS", MAPS, nest=True, dtype=float)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for name in ("a.npy", "a.FITS"):
            archive.write(tmp_path / name, f"in/{name}")
    for archive, folder in ((LOOSE, ""), ("z.zip", "in/")):
        of_array = read_sky(tmp_path, archive, f"{folder}a.npy", 1, ordering)
        of_fits = read_sky(tmp_path, archive, f"{folder}a.FITS", 1, ordering)
        np.testing.assert_array_equal(of_array.values, MAPS[1])
        np.testing.assert_array_equal(of_fits.values, MAPS[1])
        assert of_array.is_nested == (ordering == "nested")
        assert of_fits.is_nested == (ordering != "ring")


def test_missing_file(tmp_path: Path) -> None:
    for name in ("a.npy", "a.fits"):
        with pytest.raises(DeepsphereError, match="No such file"):
            read_sky(tmp_path, LOOSE, name, 0, None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a/b.npy", True), ("b.FITS.GZ", True), ("b.fit", True), ("b.npz", False), ("npy", False)],
)
def test_names_of_maps(name: str, expected: bool) -> None:
    assert is_map(name) == expected
