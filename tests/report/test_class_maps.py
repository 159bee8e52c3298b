import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.report import class_maps
from deepsphere.report.class_maps import open_class_maps

RANDOM = np.random.default_rng(0)
TARGET = RANDOM.integers(0, 3, (7, 50)).astype(np.uint8)
TARGET[2, 5:9] = 255
FOUND = RANDOM.integers(0, 3, (7, 50)).astype(np.uint8)
SAMPLE = np.array([3, 4, 8, 9, 10, 20, 21])


def write(path, **changed):
    np.savez(path, **{"prediction": FOUND, "target": TARGET, "sample": SAMPLE} | changed)
    return path


def test_states_are_read_one_by_one_in_any_order(tmp_path):
    maps = open_class_maps(write(tmp_path / "found.npz"))
    np.testing.assert_array_equal(maps.sample, SAMPLE)
    assert maps.pixels == 50
    for rows in ([4], [6, 0, 3, 3], []):
        numbers = np.array(rows, np.int64)
        np.testing.assert_array_equal(maps.read("prediction", numbers), FOUND[numbers])
        np.testing.assert_array_equal(maps.read("target", numbers), TARGET[numbers])


@pytest.mark.parametrize("block", [1, 120, 1 << 24])
def test_pixels_of_each_class_are_counted_block_by_block(tmp_path, monkeypatch, block):
    monkeypatch.setattr(class_maps, "_BLOCK", block)
    maps = open_class_maps(write(tmp_path / "found.npz"))
    expected = [[(row == number).sum() for number in range(3)] for row in TARGET]
    np.testing.assert_array_equal(maps.counts(3), expected)


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"target": TARGET[:6]}, "has no classes of pixels"),
        ({"target": TARGET.astype(np.int64)}, "target is int64, not uint8"),
        ({"sample": SAMPLE[:5]}, "has 7 states and the numbers of 5"),
    ],
)
def test_what_is_no_classes_of_pixels_is_refused_in_one_line(tmp_path, changed, found):
    path = write(tmp_path / "found.npz", **changed)
    with pytest.raises(DeepsphereError, match=found) as raised:
        open_class_maps(path)
    assert "\n" not in str(raised.value)
    assert str(path) in str(raised.value)
