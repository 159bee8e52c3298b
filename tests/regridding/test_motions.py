import math

import numpy as np
import pytest
from scipy.stats import kstest

from deepsphere.regridding.motions import Motion, random_motion

# A right sample of 2,000 has a smaller p-value than this once in a thousand seeds, and this is one
# fixed sample.
_P_VALUE = 1e-3


def _motions(rotation, translation, count=2000):
    motions = [random_motion(rotation, translation, ("test", "id", n)) for n in range(count)]
    return np.array([one.rotation for one in motions]), np.array([one.shift for one in motions])


def test_without_rotation_and_translation_nothing_moves():
    motion = random_motion("none", 0.0, ("a",))
    np.testing.assert_array_equal(motion.rotation, np.eye(3))
    np.testing.assert_array_equal(motion.shift, np.zeros(3))


def test_a_motion_never_changes():
    """The numbers were made once: stores that exist must be made again the same."""
    motion = random_motion("so3", 0.1, ("modelnet40", "chair_0001", "so3", 2))
    np.testing.assert_allclose(
        motion.rotation,
        [
            [-0.691933904811593, 0.528682964614689, -0.491652106980541],
            [0.0624596519272974, 0.722278355244019, 0.688776284019068],
            [0.719253962973651, 0.445879244271605, -0.532790236654614],
        ],
        rtol=0,
        atol=1e-12,
    )
    np.testing.assert_allclose(
        motion.shift,
        [0.000251908194045609, -0.0127151762567652, -0.0129083324321777],
        rtol=0,
        atol=1e-13,
    )


def test_each_word_counts():
    names = [
        ("a", 1),
        ("a", "1"),
        ("a", 2),
        ("a1",),
        ("a", 1, ""),
        ("b", 1),
        (1, "a"),
        ("é\ud800",),
    ]
    rotations = [random_motion("so3", 0.0, name).rotation for name in names]
    for place, rotation in enumerate(rotations):
        for other in rotations[:place]:
            assert np.abs(rotation - other).max() > 1e-3


def test_the_rotation_is_the_same_with_and_without_translation():
    for kind in ("z", "so3"):
        one = random_motion(kind, 0.0, ("x", 3))
        other = random_motion(kind, 0.2, ("x", 3))
        np.testing.assert_array_equal(one.rotation, other.rotation)
        assert np.linalg.norm(other.shift) > 0


def test_rotations_about_z_are_uniform():
    rotations, _ = _motions("z", 0.0)
    np.testing.assert_array_equal(rotations[:, 2], np.tile([0.0, 0, 1], (2000, 1)))
    np.testing.assert_array_equal(rotations[:, :, 2], np.tile([0.0, 0, 1], (2000, 1)))
    angles = np.arctan2(rotations[:, 1, 0], rotations[:, 0, 0]) / (2 * math.pi) % 1
    assert kstest(angles, "uniform").pvalue > _P_VALUE


def test_rotations_are_uniform_by_the_haar_measure():
    """The angle of such a rotation has the density (1 - cos a) / π on 0 to π.

    And where it takes any one vector is uniform on the sphere: each coordinate is on -1 to 1.
    """
    rotations, _ = _motions("so3", 0.0)
    angles = np.arccos(np.clip((np.trace(rotations, axis1=1, axis2=2) - 1) / 2, -1, 1))
    assert kstest(angles, lambda a: (a - np.sin(a)) / math.pi).pvalue > _P_VALUE
    vector = np.array([2.0, -3, 6]) / 7
    for coordinate in (rotations @ vector).T:
        assert kstest((coordinate + 1) / 2, "uniform").pvalue > _P_VALUE


def test_shifts_are_uniform_in_length_and_direction():
    _, shifts = _motions("none", 0.1)
    length = np.linalg.norm(shifts, axis=1)
    assert length.max() <= 0.1
    assert kstest(length / 0.1, "uniform").pvalue > _P_VALUE
    for coordinate in (shifts / length[:, np.newaxis]).T:
        assert kstest((coordinate + 1) / 2, "uniform").pvalue > _P_VALUE


def test_shifts_and_rotations_are_independent():
    rotations, shifts = _motions("so3", 1.0)
    numbers = np.concatenate([rotations.reshape(-1, 9), shifts], axis=1)
    correlation = np.corrcoef(numbers.T)[:9, 9:]
    # The standard deviation of each is 1 / √2000.
    assert np.abs(correlation).max() < 4.5 / math.sqrt(2000)


@pytest.mark.parametrize("translation", [-0.1, math.nan, math.inf])
def test_translations_that_are_none_are_refused(translation):
    with pytest.raises(ValueError, match="translation must be at least 0 and finite"):
        random_motion("none", translation, ())


def test_unknown_rotations_are_refused():
    with pytest.raises(ValueError, match="rotation must be one of"):
        random_motion("x", 0.0, ())


@pytest.mark.parametrize(
    ("rotation", "shift", "message"),
    [
        (np.eye(2), np.zeros(3), "shape"),
        (np.eye(3), np.zeros(2), "shape"),
        (-np.eye(3), np.zeros(3), "orthogonal"),
        (1.001 * np.eye(3), np.zeros(3), "orthogonal"),
        (np.full((3, 3), np.nan), np.zeros(3), "orthogonal"),
        (np.eye(3), np.array([0, np.nan, 0]), "finite"),
    ],
)
def test_what_is_no_motion_is_refused(rotation, shift, message):
    with pytest.raises(ValueError, match=message):
        Motion(rotation, shift)
