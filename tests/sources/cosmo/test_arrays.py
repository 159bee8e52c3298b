"""Maps in .npy files of every shape, and files that are none."""

from pathlib import Path

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.arrays import read_array

COLUMNS = np.random.default_rng(0).standard_normal((3, 48)).astype(np.float32)


def written(path: Path, values: np.ndarray) -> Path:
    np.save(path, values)
    return path


@pytest.mark.parametrize("loose", [True, False])
@pytest.mark.parametrize(
    "values", [COLUMNS, COLUMNS.T, np.asfortranarray(COLUMNS), COLUMNS.astype(">f8")]
)
def test_columns_of_any_layout(tmp_path: Path, values: np.ndarray, loose: bool) -> None:
    path = written(tmp_path / "a.npy", values)
    sky = read_array(path if loose else path.read_bytes(), 1, None)
    np.testing.assert_array_equal(sky.values, COLUMNS[1])
    assert not sky.is_nested


def test_more_columns_than_pixels_are_pixels_by_columns(tmp_path: Path) -> None:
    """(12, 192): 12 pixels of 192 columns would be a map too; the longer side is the pixels."""
    values = np.arange(12 * 192.0).reshape(12, 192)
    for array in (values, values.T):
        sky = read_array(written(tmp_path / "a.npy", array), 11, True)
        np.testing.assert_array_equal(sky.values, values[11])
        assert sky.is_nested


def test_one_map(tmp_path: Path) -> None:
    path = written(tmp_path / "a.npy", COLUMNS[0])
    np.testing.assert_array_equal(read_array(path, 0, None).values, COLUMNS[0])


@pytest.mark.parametrize("column", [3, "kappa"])
def test_columns_that_are_not_there(tmp_path: Path, column: int | str) -> None:
    path = written(tmp_path / "a.npy", COLUMNS)
    with pytest.raises(DeepsphereError, match=repr(column)):
        read_array(path, column, None)


def test_files_that_hold_no_map(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for values in (np.zeros(()), np.zeros((2, 3, 48)), np.zeros(50), np.array(["a"] * 48)):
        with pytest.raises(DeepsphereError, match=r"has (shape|values)|holds"):
            read_array(written(path, values), 0, None)
    np.save(path, np.array([{}] * 48), allow_pickle=True)
    contents = [path.read_bytes(), b"", b"\x93NUMPY\x09\x00", b"SIMPLE  ="]
    contents.append(written(path, COLUMNS).read_bytes()[:-8])
    for content in contents:
        path.write_bytes(content)
        for form in (path, content):
            with pytest.raises(DeepsphereError, match="is no array of numbers"):
                read_array(form, 0, None)


@pytest.mark.parametrize("shape", ["(48, ", "(True,)", "(1" + "0" * 30 + ",)"])
def test_damaged_headers(tmp_path: Path, shape: str) -> None:
    """A header is Python, which fails in its own ways."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(384)
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    for form in (path, content):
        with pytest.raises(DeepsphereError, match="is no array of numbers"):
            read_array(form, 0, None)
