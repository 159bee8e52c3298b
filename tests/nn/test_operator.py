"""The operator as a matrix, and as a part of networks: moved, copied, shared, stored."""

import copy
import io
import pickle

import numpy as np
import pytest
import scipy.sparse
import torch

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.operator import SymmetricOperator

PIXELS = 6
MASS = np.array([0.25, 1, 4, 9, 0.01, 2])
NAMES = ("offsets", "columns", "values", "root_mass")


@pytest.fixture(autouse=True)
def same_weights():
    """Start layers as always."""
    torch.manual_seed(0)


def dense(operator):
    """Return the matrix that the buffers stand for."""
    rows = (operator.values, operator.columns, operator.offsets)
    shape = (operator.pixels, operator.pixels)
    return scipy.sparse.csr_array(tuple(buffer.numpy() for buffer in rows), shape).toarray()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_buffers_are_the_matrix_in_compressed_rows(rescaled_laplacian, dtype):
    matrix = rescaled_laplacian(20)
    operator = SymmetricOperator(matrix, dtype)
    assert operator.pixels == 20
    assert operator.offsets.dtype == operator.columns.dtype == torch.int32
    assert operator.values.dtype == dtype
    assert operator.root_mass is None
    expected = matrix.toarray()
    np.testing.assert_array_equal(dense(operator), expected.astype(dense(operator).dtype))
    assert all(buffer.is_contiguous() for buffer in operator.buffers())


def test_rows_may_have_no_entries():
    matrix = np.array([[0.0, 0, 2], [0, 0, 0], [2, 0, 0]])
    operator = SymmetricOperator(scipy.sparse.csr_array(matrix))
    assert operator.offsets.tolist() == [0, 1, 1, 2]
    np.testing.assert_array_equal(dense(operator), matrix)


def test_entries_in_any_order_give_the_same_operator():
    ordered = scipy.sparse.csr_array(np.array([[1.0, 2, 3], [2, 4, 5], [3, 5, 6]]))
    shuffled = scipy.sparse.csr_array(
        ([3.0, 1, 2, 5, 4, 2, 6, 3, 5], [2, 0, 1, 2, 1, 0, 2, 0, 1], [0, 3, 6, 9]), shape=(3, 3)
    )
    operator = SymmetricOperator(shuffled)
    for name, buffer in SymmetricOperator(ordered).named_buffers():
        assert torch.equal(getattr(operator, name), buffer)
    assert shuffled.data.tolist() == [3, 1, 2, 5, 4, 2, 6, 3, 5]


def test_entries_that_come_twice_are_added():
    """All ways to compute a convolution may take it that a pixel has a neighbour once."""
    twice = scipy.sparse.csr_array(
        ([1.0, 2, 4, 1.5, 1.5, 5], [1, 1, 0, 0, 0, 1], [0, 3, 6]), shape=(2, 2)
    )
    operator = SymmetricOperator(twice)
    assert operator.columns.tolist() == [0, 1, 0, 1]
    assert operator.values.tolist() == [4, 3, 3, 5]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_later_changes_of_matrix_and_mass_do_not_reach_the_operator(rescaled_laplacian, dtype):
    matrix, mass = rescaled_laplacian(PIXELS), MASS.copy()
    operator = SymmetricOperator(matrix, dtype, mass)
    before = [buffer.clone() for buffer in operator.buffers()]
    for array in (matrix.data, matrix.indices, matrix.indptr, mass):
        array[:] = 0
    assert all(map(torch.equal, operator.buffers(), before))


@pytest.mark.parametrize("asymmetry", [1, 1e-12, np.nan])
def test_an_asymmetric_matrix_is_refused(rescaled_laplacian, asymmetry):
    matrix = rescaled_laplacian(PIXELS).toarray()
    matrix[0, 5] += asymmetry
    with pytest.raises(ValueError, match=r"expected a symmetric matrix, found \|M - M'\| ="):
        SymmetricOperator(scipy.sparse.csr_array(matrix))


def test_a_matrix_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match=r"expected a square matrix, found .*\(2, 3\)"):
        SymmetricOperator(scipy.sparse.csr_array(np.ones((2, 3))))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_mass_is_kept_by_its_root(rescaled_laplacian, dtype):
    operator = SymmetricOperator(rescaled_laplacian(PIXELS), dtype, MASS)
    assert operator.root_mass.shape == (PIXELS,)
    assert torch.equal(operator.root_mass, torch.from_numpy(np.sqrt(MASS)).to(dtype))


@pytest.mark.parametrize("shape", [(5,), (7,), (6, 1), (1,), ()], ids=str)
def test_a_mass_of_another_length_is_refused(rescaled_laplacian, shape):
    with pytest.raises(ValueError) as caught:
        SymmetricOperator(rescaled_laplacian(PIXELS), mass=np.ones(shape))
    message = f"expected a mass for 6 pixels, found mass.shape={shape}"
    assert str(caught.value) == message


@pytest.mark.parametrize("mass", [0, -1, np.nan])
def test_a_mass_that_is_not_positive_is_refused(rescaled_laplacian, mass):
    masses = MASS.copy()
    masses[3] = mass
    with pytest.raises(ValueError, match=f"^expected a positive mass, found {masses.min()}$"):
        SymmetricOperator(rescaled_laplacian(PIXELS), mass=masses)


@pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])
def test_its_tensors_are_its_buffers(rescaled_laplacian, mass):
    """Also those that it has after it was moved: kernels are given nothing else."""
    operator = SymmetricOperator(rescaled_laplacian(PIXELS), mass=mass)
    for target in (torch.float32, torch.float64, "meta"):
        tensors = operator.to(target).tensors
        assert (tensors[3] is None) == (mass is None)
        for tensor, name in zip(tensors, NAMES, strict=True):
            assert tensor is getattr(operator, name)


@pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])
def test_it_is_no_part_of_the_learned_state(rescaled_laplacian, mass):
    operator = SymmetricOperator(rescaled_laplacian(PIXELS), mass=mass)
    assert not operator.state_dict()
    assert not list(operator.parameters())
    names = {name for name, _ in operator.named_buffers()}
    assert names == set(NAMES if mass is not None else NAMES[:3])


def test_repr_tells_the_size(rescaled_laplacian):
    matrix = rescaled_laplacian(PIXELS)
    assert f"pixels=6, entries={matrix.nnz}" in repr(SymmetricOperator(matrix))


def test_it_is_single_precision_where_a_network_is_less(rescaled_laplacian):
    """Its tensors stay the very same, so that no table made from them has to be made again."""
    operator = SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS)
    before = operator.tensors
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        after = operator.to(dtype).tensors
        assert all(one is other for one, other in zip(after, before, strict=True))


def test_double_precision_is_rounded_once_to_single(rescaled_laplacian):
    """Numbers of bfloat16 in between would differ from it after the second digit."""
    double = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    single = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float32, MASS)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        moved = copy.deepcopy(double).to(dtype)
        assert all(map(torch.equal, moved.buffers(), single.buffers()))
        assert [buffer.dtype for buffer in moved.buffers()] == [
            buffer.dtype for buffer in single.buffers()
        ]


def test_it_moves_to_double_precision_with_its_mass(rescaled_laplacian):
    operator = SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS)
    values, roots = operator.values, operator.root_mass
    operator.double()
    assert operator.values.dtype == operator.root_mass.dtype == torch.float64
    assert operator.offsets.dtype == operator.columns.dtype == torch.int32
    assert torch.equal(operator.values, values.double())
    assert torch.equal(operator.root_mass, roots.double())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_it_moves_to_another_device_with_its_mass(rescaled_laplacian, dtype):
    operator = SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS).to("meta", dtype)
    assert all(buffer.device.type == "meta" for buffer in operator.buffers())
    assert operator.values.dtype == operator.root_mass.dtype == torch.float32
    assert operator.to_empty(device="cpu").values.device.type == "cpu"


def network(laplacian):
    return torch.nn.Sequential(
        ChebConv(3, 4, 3, laplacian, bias=True), torch.nn.Tanh(), ChebConv(4, 2, 3, laplacian)
    )


def features(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, PIXELS, 3, dtype=torch.float64, generator=generator).to(dtype)


def test_layers_share_one_operator(rescaled_laplacian):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS)
    layers = network(laplacian)
    assert layers[0].laplacian is layers[2].laplacian is laplacian
    assert len(list(layers.buffers())) == 4
    layers.double()
    assert layers[0].laplacian is layers[2].laplacian is laplacian
    assert laplacian.values.dtype == torch.float64
    assert layers(features(torch.float64)).dtype == torch.float64


def test_the_state_of_a_network_is_what_was_learned(rescaled_laplacian):
    """It loads into a network on an operator of another precision, which keeps its own."""
    one = network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    other = network(SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)).double()
    assert set(one.state_dict()) == {"0.weight", "0.bias", "2.weight"}
    with torch.no_grad():
        one[0].bias.fill_(0.5)
    stored = io.BytesIO()
    torch.save(one.state_dict(), stored)
    stored.seek(0)
    other.load_state_dict(torch.load(stored), strict=True)
    assert other[0].laplacian.values.dtype == torch.float64
    result = other(features(torch.float64))
    torch.testing.assert_close(one(features()).double(), result, rtol=0, atol=1e-5)


def by_torch_save(layers):
    stored = io.BytesIO()
    torch.save(layers, stored)
    stored.seek(0)
    return torch.load(stored, weights_only=False)


COPIES = {
    "deep copy": copy.deepcopy,
    "pickle": lambda layers: pickle.loads(pickle.dumps(layers)),
    "torch.save": by_torch_save,
}


@pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])
@pytest.mark.parametrize("duplicate", COPIES.values(), ids=COPIES)
def test_a_copy_of_a_network_has_one_operator_of_its_own(rescaled_laplacian, duplicate, mass):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), mass=mass)
    layers = network(laplacian)
    before = layers(features())
    copied = duplicate(layers)
    assert torch.equal(copied(features()), before)
    assert copied[0].laplacian is copied[2].laplacian
    assert copied[0].laplacian is not laplacian
    assert copied[0].laplacian.pixels == PIXELS
    with torch.no_grad():
        for tensor in (*copied.parameters(), *copied.buffers()):
            tensor.fill_(0)
    assert torch.equal(layers(features()), before)


def test_a_network_moves_to_bfloat16_as_a_whole(rescaled_laplacian):
    layers = network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    expected = layers(features())
    layers.bfloat16()
    assert {parameter.dtype for parameter in layers.parameters()} == {torch.bfloat16}
    result = layers(features(torch.bfloat16))
    assert result.dtype == torch.bfloat16
    error = (result.float() - expected).abs().max()
    assert 0 < error <= 0.03 * expected.abs().max()
