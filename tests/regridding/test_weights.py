import io
import json
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.build import build_weights
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.regridding.weights import Weights, load_weights
from deepsphere.samplings.healpix import Healpix

modest = settings(derandomize=True, deadline=None, max_examples=50)
NAN = np.nan


def weights_of(rows):
    return Weights(
        csr_array(np.array(rows, np.float64)), "conservative", {"kind": "test"}, "pixels"
    )


@pytest.fixture(scope="module")
def weights():
    grid = LatitudeLongitude(np.linspace(-90, 90, 19), np.arange(36) * 10.0)
    return build_weights(grid, Healpix(4), "conservative")


def test_fields_of_any_shape_and_type_are_products(weights):
    random = np.random.default_rng(0)
    fields = random.normal(size=(2, 3, 19 * 36))
    expected = fields @ weights.matrix.toarray().T
    regridded = weights.apply(fields)
    assert regridded.dtype == np.float32
    assert regridded.shape == (2, 3, 192)
    np.testing.assert_allclose(regridded, expected, rtol=0, atol=1e-7)
    np.testing.assert_array_equal(weights.apply(fields[1, 2]), regridded[1, 2])
    np.testing.assert_array_equal(weights.apply(fields, "renormalize"), regridded)
    packed = random.integers(-32768, 32767, 19 * 36).astype(np.int16)
    np.testing.assert_allclose(
        weights.apply(packed), weights.matrix @ packed.astype(np.float64), rtol=1e-6
    )
    assert weights.apply(fields[:0]).shape == (0, 3, 192)


@pytest.mark.parametrize("value", [287.3, 1e-30, -3.3e7, 0.1])
def test_constants_stay_to_the_last_bit(weights, value):
    field = np.full(19 * 36, value, np.float32)
    for missing in ("propagate", "renormalize"):
        np.testing.assert_array_equal(weights.apply(field, missing), np.float32(value))


def test_missing_values_propagate_only_where_they_have_weight():
    weights = weights_of([[0.5, 0.5, 0], [0, 1, 0], [0, 0.25, 0.5], [0, 0, 0]])
    np.testing.assert_array_equal(weights.apply([NAN, 2.0, 4.0]), [NAN, 2, NAN, NAN])
    np.testing.assert_array_equal(weights.apply([1.0, 3.0, NAN]), [2, 3, NAN, NAN])
    np.testing.assert_array_equal(weights.shares, [1, 1, 0.75, 0])


def test_means_of_what_is_there_need_the_smallest_share():
    weights = weights_of([[0.5, 0.5, 0], [0, 1, 0], [0, 0.25, 0.5], [0, 0, 0]])
    fields = [[NAN, 2.0, 4.0], [1.0, NAN, 8.0]]
    expected = [[2, 2, 10 / 3, NAN], [1, NAN, 8, NAN]]
    np.testing.assert_allclose(weights.apply(fields, "renormalize"), expected, rtol=1e-7)
    strict = [[NAN, 2, 10 / 3, NAN], [NAN, NAN, NAN, NAN]]
    np.testing.assert_allclose(weights.apply(fields, "renormalize", 0.6), strict, rtol=1e-7)


@modest
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-6, 0.3, 0.5, 1.0]))
def test_renormalized_means_are_those_of_the_definition(seed, share):
    random = np.random.default_rng(seed)
    dense = random.random((5, 8)) * (random.random((5, 8)) < 0.5)
    dense /= np.maximum(dense.sum(axis=1, keepdims=True), 1e-9)
    fields = np.where(random.random((4, 8)) < 0.3, NAN, random.normal(size=(4, 8)))
    fields[2:] = fields[1]
    found = weights_of(dense).apply(fields, "renormalize", share)
    for field, row in zip(fields, found, strict=True):
        valid = ~np.isnan(field)
        for target, value in zip(dense, row, strict=True):
            total = target[valid].sum()
            if abs(total - share) > 1e-6:
                expected = target[valid] @ field[valid] / total if total > share else NAN
                np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def test_files_give_back_the_same_weights_and_are_the_same(weights, tmp_path):
    weights.save(tmp_path / "one.npz")
    weights.save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.npz", "two.npz"]
    loaded = load_weights(tmp_path / "one.npz")
    assert loaded.digest == weights.digest
    assert (loaded.method, loaded.source, loaded.target) == (
        weights.method,
        weights.source,
        weights.target,
    )
    assert loaded.matrix.indices.dtype == np.int32
    field = np.random.default_rng(0).normal(size=19 * 36)
    np.testing.assert_array_equal(loaded.apply(field), weights.apply(field))


def test_digests_tell_weights_apart():
    first = weights_of([[0.5, 0.5], [0, 1]])
    assert first.digest == weights_of([[0.5, 0.5], [0, 1]]).digest
    others = [
        weights_of([[0.5, 0.5], [1, 0]]),
        weights_of([[0.5, 0.25], [0, 1]]),
        Weights(first.matrix, "bilinear", first.source, first.target),
        Weights(first.matrix, first.method, {"kind": "other"}, first.target),
        Weights(first.matrix, first.method, first.source, "healpix:1"),
    ]
    assert len({first.digest, *(other.digest for other in others)}) == 6


def _archive(**replaced):
    """The bytes of a file of weights, some of its arrays replaced."""
    weights = weights_of([[0.5, 0.5], [0, 1]])
    header = {
        "method": weights.method,
        "source": weights.source,
        "target": weights.target,
        "shape": [2, 2],
        "digest": weights.digest,
    }
    arrays = {
        "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
        "starts": np.array([0, 2, 3], np.int32),
        "indices": np.array([0, 1, 1], np.int32),
        "data": np.array([0.5, 0.5, 1.0]),
    }
    stream = io.BytesIO()
    np.savez(stream, **{**arrays, **replaced})
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no weights"),
        (b"CDF\x01 something else", "holds no weights"),
        (_archive()[:-40], "holds no weights"),
        (_archive(indices=np.array([0, 7, 1], np.int32)), "holds no weights"),
        (_archive(starts=np.array([0, 2], np.int32)), "holds no weights"),
        (_archive(header=np.frombuffer(b"[1]", np.uint8)), "holds no weights"),
        (_archive(header=np.frombuffer(b"{}", np.uint8)), "holds no weights"),
        (_archive(data=np.array([0.5, -0.5, 1])), "holds no weights"),
        (_archive(data=np.array([None, None, None])), "holds no weights"),
        (_archive(data=np.array([0.5, 0.25, 1])), "is not what was written"),
    ],
)
def test_files_that_are_none_are_refused(content, message, tmp_path):
    path = tmp_path / "weights.npz"
    path.write_bytes(content)
    with pytest.raises(DeepsphereError, match=message):
        load_weights(path)


def test_whole_archives_of_other_things_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "weights.npz", "w") as archive:
        archive.writestr("readme.txt", "no weights")
    with pytest.raises(DeepsphereError, match="holds no weights"):
        load_weights(tmp_path / "weights.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(DeepsphereError, match="holds no weights"):
        load_weights(tmp_path / "array.npy")
    with pytest.raises(DeepsphereError, match="does not exist"):
        load_weights(tmp_path / "none.npz")


def test_wrong_arguments_are_defects(weights):
    with pytest.raises(ValueError, match=r"shape \(..., 684\); found float64 of shape \(19, 36\)"):
        weights.apply(np.zeros((19, 36)))
    with pytest.raises(ValueError, match="found complex128"):
        weights.apply(np.zeros(684, complex))
    with pytest.raises(ValueError, match="found 'drop'"):
        weights.apply(np.zeros(684), "drop")
    with pytest.raises(ValueError, match="and 0"):
        weights.apply(np.zeros(684), "renormalize", 0)
    with pytest.raises(ValueError, match=r"a sum of 1\.5"):
        weights_of([[0.5, 1.0]])
    with pytest.raises(ValueError, match="found -1"):
        weights_of([[-1.0, 1.0]])
