import healpy
import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.nn.pooling.remap import Remap, remap_between
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked

# PyTorch's own compiler still uses what it warns of.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated"),
    pytest.mark.filterwarnings("error:There is a performance drop"),
]


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def draw_matrix(target, source, seed=0, density=0.3):
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(target, source))
    matrix[generator.random(matrix.shape) > density] = 0
    return scipy.sparse.csr_array(matrix)


@given(
    st.integers(0, 3), st.integers(1, 6), st.integers(1, 6), st.integers(1, 3), st.integers(0, 9)
)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_it_is_the_product_of_scipy_with_each_sample(batch, source, target, channels, seed):
    """Among the matrices are some with empty rows and columns, and without any entry."""
    matrix = draw_matrix(target, source, seed)
    features = draw(batch, source, channels).requires_grad_()
    gradient = draw(batch, target, channels, seed=1)
    remap = Remap(matrix).double()
    remapped = remap(features)
    remapped.backward(gradient)
    # The values were rounded to float32, PyTorch's default type.
    dense = matrix.toarray().astype(np.float32).astype(np.float64)
    expected = np.einsum("ts,bsc->btc", dense, features.detach().numpy())
    np.testing.assert_allclose(remapped.detach().numpy(), expected, rtol=0, atol=1e-14)
    expected = np.einsum("ts,btc->bsc", dense, gradient.numpy())
    np.testing.assert_allclose(features.grad.numpy(), expected, rtol=0, atol=1e-14)


def test_it_can_be_differentiated_twice():
    remap, features = Remap(draw_matrix(4, 5)).double(), draw(2, 5, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: remap(values**2), features)
    assert torch.autograd.gradgradcheck(lambda values: remap(values**2), features)


def test_functions_of_one_sample_can_be_mapped_over_many():
    remap, features = Remap(draw_matrix(4, 5)), draw(3, 2, 5, 2, dtype=torch.float32)
    gradient = torch.func.grad(lambda values: remap(values).sin().sum())
    many = features.flatten(0, 1).requires_grad_()
    remap(many).sin().sum().backward()
    for dim in (0, 1):
        found = torch.vmap(gradient, in_dims=dim, out_dims=dim)(features.transpose(0, dim))
        torch.testing.assert_close(found.transpose(0, dim).flatten(0, 1), many.grad)


def test_what_is_not_a_number_goes_where_its_column_says():
    matrix = scipy.sparse.csr_array([[1.0, 2, 0], [0, 1, 0], [0, 0, 0]])
    features = torch.tensor([[[torch.nan], [1], [torch.inf]]])
    assert Remap(matrix)(features).isnan().flatten().tolist() == [True, False, False]
    assert Remap(matrix)(features).flatten().tolist()[1:] == [1, 0]


def test_the_matrix_is_as_precise_as_pytorchs_default_type_and_never_less_than_float32():
    matrix, features = scipy.sparse.csr_array([[1 / 3, 2 / 3]]), torch.ones(1, 2, 1)
    default = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        assert Remap(matrix)(2 / 3 * features.double()).item() == 2 / 3
        torch.set_default_dtype(torch.bfloat16)
        assert abs(Remap(matrix)(features).item() - 1) < 1e-7
    finally:
        torch.set_default_dtype(default)
    # bfloat16 has 1/3 and 2/3 to three digits.
    remap = Remap(scipy.sparse.csr_array([[1000 / 3, -2000 / 3]])).bfloat16().float()
    assert abs(remap(features).item() + 1000 / 3) < 1e-4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32_and_rounded_once(dtype):
    remap, features = Remap(draw_matrix(20, 30)), draw(2, 30, 3, dtype=dtype)
    assert torch.equal(remap(features), remap(features.float()).to(dtype))


def test_the_given_matrix_is_left_alone_and_duplicates_add_up():
    matrix = scipy.sparse.csr_array((np.array([1.0, 2, 3]), [1, 1, 0], [0, 2, 3]), shape=(2, 2))
    remap = Remap(matrix)
    assert matrix.nnz == 3
    assert remap(torch.tensor([[[1.0], [10]]])).flatten().tolist() == [30, 3]
    matrix.data[:] = 0
    assert remap(torch.tensor([[[1.0], [10]]])).flatten().tolist() == [30, 3]


@pytest.mark.parametrize("shape", [(2, 4, 3), (5, 3), (1, 2, 5, 3)])
def test_features_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"shape \(batch, 5, channel\), found \(.*\)"):
        Remap(draw_matrix(4, 5))(torch.zeros(shape))


def test_it_survives_what_is_done_to_layers(assert_survives):
    remap = Remap(draw_matrix(4, 5))
    assert repr(remap).startswith("Remap(\n  source=5, target=4")
    assert_survives(remap, draw(3, 5, 2, dtype=torch.float32))


PAIRS = [
    (Icosahedral(2), Equiangular(8, 16)),
    (Equiangular(8, 16), Icosahedral(2, "faces")),
    (Cubed(4), Icosahedral(1)),
    (Healpix(4), Cubed(3)),
]


@pytest.mark.parametrize(("source", "target"), PAIRS, ids=str)
def test_constants_stay_constant_between_any_samplings(source, target):
    remapped = remap_between(source, target)(torch.full((2, len(source), 3), 0.7))
    torch.testing.assert_close(remapped, torch.full((2, len(target), 3), 0.7), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("source", "target"), [(1, 2), (2, 1), (1, 1)])
def test_the_integral_stays(source, target):
    """Cells of these samplings are polygons, so that overlaps and areas are exact."""
    source, target = Icosahedral(source, "faces"), Icosahedral(target)
    features = draw(1, len(source), 2).abs()
    before = np.einsum("p,bpc->bc", source.areas, features)
    after = np.einsum("p,bpc->bc", target.areas, remap_between(source, target).double()(features))
    np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.parametrize(("source", "target"), [(8, 4), (4, 8), (8, 8)])
def test_between_healpix_samplings_it_does_nearly_what_healpy_does(source, target):
    """Overlaps are those of polygons, true sides are curved: at most 1.7 % of a row is wrong."""
    generator = np.random.default_rng(0)
    fine = generator.uniform(-1, 1, 12 * source**2)
    layer = remap_between(Healpix(source), Healpix(target)).double()
    found = layer(torch.from_numpy(fine)[None, :, None]).flatten().numpy()
    expected = healpy.ud_grade(fine, target, order_in="NESTED", order_out="NESTED")
    assert np.abs(found - expected).max() < 0.017


def test_pixels_beyond_the_source_are_refused():
    source = Masked(Healpix(2), np.arange(12))
    with pytest.raises(DeepsphereError, match="overlap no pixel"):
        remap_between(source, Healpix(1))
