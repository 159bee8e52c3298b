import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.ugscnn import Ugscnn
from deepsphere.samplings.ugscnn_orientation import orientation_of, roughness

ORIENTATIONS = ["equator", "upward"]


def _sides(faces):
    """Return the sides of triangles as sorted pairs of vertices, each once."""
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


def test_roughness_is_a_ratio_of_mean_differences():
    """Against all pairs one by one, and both channels of which one is constant."""
    sampling = Ugscnn(1, "upward")
    values = np.random.default_rng(1).normal(size=42)
    differences = np.abs(values[:, None] - values)
    ends = _sides(sampling.faces)
    expected = (
        differences[ends[:, 0], ends[:, 1]].mean() / differences[np.triu_indices(42, 1)].mean()
    )
    # Each side counts from both of its ends.
    assert roughness(values, sampling) == pytest.approx(expected, rel=1e-12)
    both = np.stack([1e6 * values + 3, np.ones(42)])
    assert roughness(both, sampling) == pytest.approx(expected, rel=1e-12)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.sampled_from(ORIENTATIONS), st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_smooth_values_tell_their_orientation(orientation, direction):
    sampling = Ugscnn(4, orientation)
    # Never constant: the second term outweighs the first.
    field = np.exp(sampling.positions @ direction + 2 * sampling.positions[:, 2])
    assert orientation_of(field, 4) == sampling


def test_the_orientation_is_told_by_many_channels():
    sampling = Ugscnn(5, "upward")
    x, y, z = sampling.positions.T
    fields = np.stack([250 + 30 * z**2, 10 * np.sin(5 * x) * y, np.full(10_242, 7.0)])
    assert orientation_of(fields.astype(np.float32), 5) == sampling


def _noise(level):
    return np.random.default_rng(2).normal(size=10 * 4**level + 2)


@pytest.mark.parametrize(
    ("values", "level", "message"),
    [
        (_noise(3), 3, "in neither order of level 3, or too rough to tell.*less than half"),
        (Icosahedral(3).positions[:, 2], 3, "in neither order of level 3"),
        (Ugscnn(0).positions[:, 2], 0, "in neither order of level 0"),
        (_noise(2), 3, r"shape \(vertices,\) or .* 642 vertices; found shape \(162,\)"),
        (np.zeros((2, 3, 42)), 1, r"found shape \(2, 3, 42\)"),
        (np.full(42, 4.0), 1, "constant values"),
        (np.full(42, np.nan), 1, "must be finite"),
        (_noise(1), 10, "ugscnn: level must be .* found 10"),
    ],
)
def test_values_of_unknown_orientation(values, level, message):
    with pytest.raises(DeepsphereError, match=message):
        orientation_of(values, level)


def test_shuffled_values_are_not_recognised():
    field = Ugscnn(4).positions[:, 2]
    with pytest.raises(DeepsphereError, match="in neither order"):
        orientation_of(np.random.default_rng(3).permutation(field), 4)
