import copy

import numpy as np
import pytest
import scipy.sparse
import torch

from deepsphere.nn.operator import SymmetricOperator, multiply

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-15}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("columns", [1, 7])
def test_the_product_is_that_of_scipy(rescaled_laplacian, dtype, columns):
    matrix = rescaled_laplacian(20)
    features = torch.randn(20, columns, dtype=dtype, generator=torch.Generator().manual_seed(0))
    product = SymmetricOperator(matrix, dtype)(features)
    assert product.dtype == dtype
    expected = matrix @ features.double().numpy()
    np.testing.assert_allclose(product.numpy(), expected, rtol=0, atol=10 * TOLERANCE[dtype])


def test_a_row_without_entries_gives_zeros():
    matrix = scipy.sparse.csr_array(np.array([[0.0, 0, 2], [0, 0, 0], [2, 0, 0]]))
    product = SymmetricOperator(matrix)(torch.tensor([[1.0], [10], [100]]))
    assert product.tolist() == [[200], [0], [2]]


def test_entries_in_any_order_give_the_same_operator():
    ordered = scipy.sparse.csr_array(np.array([[1.0, 2, 3], [2, 4, 5], [3, 5, 6]]))
    shuffled = scipy.sparse.csr_array(
        ([3.0, 1, 2, 5, 4, 2, 6, 3, 5], [2, 0, 1, 2, 1, 0, 2, 0, 1], [0, 3, 6, 9]), shape=(3, 3)
    )
    operator = SymmetricOperator(shuffled)
    for name, buffer in SymmetricOperator(ordered).named_buffers():
        assert torch.equal(getattr(operator, name), buffer)
    assert shuffled.data.tolist() == [3, 1, 2, 5, 4, 2, 6, 3, 5]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_a_later_change_of_the_matrix_does_not_reach_the_operator(rescaled_laplacian, dtype):
    matrix = rescaled_laplacian(6)
    operator = SymmetricOperator(matrix, dtype)
    before = operator.values.clone()
    matrix.data[:] = 0
    assert torch.equal(operator.values, before)


@pytest.mark.parametrize("asymmetry", [1, 1e-12, np.nan])
def test_an_asymmetric_matrix_is_refused(rescaled_laplacian, asymmetry):
    matrix = rescaled_laplacian(6).toarray()
    matrix[0, 5] += asymmetry
    with pytest.raises(ValueError, match=r"expected a symmetric matrix, found \|M - M'\| ="):
        SymmetricOperator(scipy.sparse.csr_array(matrix))


def test_a_matrix_that_is_not_square_is_refused():
    with pytest.raises(ValueError, match=r"expected a square matrix, found .*\(2, 3\)"):
        SymmetricOperator(scipy.sparse.csr_array(np.ones((2, 3))))


def test_it_is_no_part_of_the_learned_state(rescaled_laplacian):
    operator = SymmetricOperator(rescaled_laplacian(6))
    assert not operator.state_dict()
    assert not list(operator.parameters())
    assert {name for name, _ in operator.named_buffers()} == {"offsets", "columns", "values"}


def test_moving_to_another_type_keeps_the_indices(rescaled_laplacian):
    matrix = rescaled_laplacian(6)
    operator = SymmetricOperator(matrix).double()
    assert operator.values.dtype == torch.float64
    assert operator.offsets.dtype == operator.columns.dtype == torch.int32
    product = operator(torch.eye(6, dtype=torch.float64))
    np.testing.assert_allclose(product.numpy(), matrix.toarray(), rtol=0, atol=1e-7)


def test_a_deep_copy_is_independent(rescaled_laplacian):
    operator = SymmetricOperator(rescaled_laplacian(6))
    copied = copy.deepcopy(operator)
    copied.values.zero_()
    assert operator.values.abs().sum() > 0
    assert copied.pixels == 6


def test_multiply_leaves_its_arguments_alone(rescaled_laplacian):
    operator = SymmetricOperator(rescaled_laplacian(6))
    features = torch.ones(6, 2)
    product = multiply(features, operator.offsets, operator.columns, operator.values)
    product.zero_()
    assert torch.equal(features, torch.ones(6, 2))


def test_a_mass_is_kept_by_its_root_and_not_learned(rescaled_laplacian):
    mass = np.array([0.25, 1, 4, 9, 0.01, 2])
    before = mass.copy()
    operator = SymmetricOperator(rescaled_laplacian(6), torch.float64, mass)
    np.testing.assert_array_equal(operator.root_mass[:, 0].numpy(), np.sqrt(mass))
    assert operator.root_mass.shape == (6, 1)
    mass[:] = 1
    np.testing.assert_array_equal(operator.root_mass[:, 0].numpy(), np.sqrt(before))
    assert not operator.state_dict()
    assert not list(operator.parameters())
    names = {name for name, _ in operator.named_buffers()}
    assert names == {"offsets", "columns", "values", "root_mass"}


def test_a_mass_moves_with_the_operator(rescaled_laplacian):
    operator = SymmetricOperator(rescaled_laplacian(6), mass=np.arange(1.0, 7))
    assert operator.root_mass.dtype == torch.float32
    assert operator.double().root_mass.dtype == torch.float64
    assert operator.to("meta").root_mass.device.type == "meta"


def test_a_deep_copy_has_a_mass_of_its_own(rescaled_laplacian):
    operator = SymmetricOperator(rescaled_laplacian(6), mass=np.arange(1.0, 7))
    copied = copy.deepcopy(operator)
    copied.root_mass.zero_()
    assert (operator.root_mass > 0).all()


def test_the_product_itself_knows_no_mass(rescaled_laplacian):
    matrix, features = rescaled_laplacian(6), torch.ones(6, 2)
    with_mass = SymmetricOperator(matrix, mass=np.arange(1.0, 7))
    assert torch.equal(with_mass(features), SymmetricOperator(matrix)(features))


@pytest.mark.parametrize("shape", [(5,), (7,), (6, 1), (1,), ()], ids=str)
def test_a_mass_of_another_length_is_refused(rescaled_laplacian, shape):
    with pytest.raises(ValueError) as caught:
        SymmetricOperator(rescaled_laplacian(6), mass=np.ones(shape))
    message = f"expected a mass for 6 pixels, found mass.shape={shape}"
    assert str(caught.value) == message


def test_repr_tells_the_size(rescaled_laplacian):
    matrix = rescaled_laplacian(6)
    assert f"pixels=6, entries={matrix.nnz}" in repr(SymmetricOperator(matrix))
