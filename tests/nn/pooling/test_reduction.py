import healpy
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from torch.nn import functional

from deepsphere.nn.hierarchy import CoarseningMap
from deepsphere.nn.pooling.nested import Pool
from deepsphere.nn.pooling.reduction import Pooling, strided_pixels
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.ugscnn import Ugscnn

# PyTorch's own compiler still uses what it warns of.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")

SAMPLINGS = [
    Healpix(2),
    Masked(Healpix(4), np.arange(3, 90)),
    Equiangular(4, 8),
    Cubed(4),
    Fibonacci(96),
    Icosahedral(2),
    Icosahedral(1, "faces"),
]
# Rows with 2, 3 and 1 entries, in the last pixel's row one that is zero; pixel 2 is in two.
MATRIX = csr_array(
    [[0.5, 0, 0.5, 0, 0, 0], [0, 0.2, 0.4, 0.4, 0, 0], [0, 0, 0, 0, 0, 1]], shape=(3, 6)
)
KINDS = ["max", "mean", "stride"]


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


def draw_known(fine, share, seed=0):
    return np.random.default_rng(seed).random(fine) < share


def pool_one_by_one(kind, matrix, features, known):
    """Return what the layer should, and the fine pixels, by loops over one feature at a time."""
    pooled = np.zeros((len(features), matrix.shape[0], features.shape[2]))
    pixels = np.full(pooled.shape, -1)
    for sample, row, channel in np.ndindex(pooled.shape):
        weights = matrix.toarray()[row] * known
        fine = np.flatnonzero(weights)
        if not fine.size:
            continue
        given = features[sample, :, channel]
        if kind == "mean":
            pooled[sample, row, channel] = given[fine] @ weights[fine] / weights.sum()
            continue
        order = given[fine] if kind == "max" else weights[fine].round(9)
        pixels[sample, row, channel] = fine[order.argmax()]
        pooled[sample, row, channel] = given[pixels[sample, row, channel]]
    return pooled, pixels


@pytest.mark.parametrize("share", [1, 0.4])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_it_does_what_it_says_for_one_feature_after_the_other(coarsening, sampling, kind, share):
    """Among the known pixels, of which some coarse pixels have none."""
    step = coarsening(sampling)
    known = draw_known(step.fine, share)
    features = draw(2, step.fine, 2)
    found = Pooling(step, kind, known=known).double()(features)
    expected, _ = pool_one_by_one(kind, step.matrix, features.numpy(), known)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 if kind == "mean" else 0)


@pytest.mark.parametrize("levels", [1, 2])
@pytest.mark.parametrize("share", [1, 0.2])
def test_means_on_healpix_are_those_of_healpy(coarsening, levels, share):
    """Which ignores what it takes for unseen, and so marks what has no pixel that was seen."""
    features = draw(2, 192, 3, dtype=torch.float32)
    known = draw_known(192, share)
    found = Pooling(coarsening(Healpix(4), levels), "mean", known=known)(features)
    maps = np.where(known, features.permute(0, 2, 1).numpy(), healpy.UNSEEN).reshape(-1, 192)
    expected = np.stack(
        [healpy.ud_grade(one, 4 >> levels, order_in="NESTED", order_out="NESTED") for one in maps]
    )
    expected[expected == healpy.UNSEEN] = 0
    expected = expected.reshape(2, 3, -1).transpose(0, 2, 1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("return_indices", [False, True])
@pytest.mark.parametrize("levels", [1, 2])
def test_maxima_on_healpix_are_those_of_pytorch(coarsening, levels, return_indices):
    """Whole numbers, so that many are equal."""
    features = draw(3, 192, 5).round()
    expected = functional.max_pool1d(features.transpose(1, 2), 4**levels, return_indices=True)
    step = coarsening(Healpix(4), levels)
    found = Pooling(step, "max", return_indices=return_indices)(features)
    found = found if return_indices else (found,)
    for one, other in zip(found, expected[: len(found)], strict=True):
        assert torch.equal(one, other.transpose(1, 2))


@pytest.mark.parametrize("levels", [1, 2])
def test_maxima_on_a_grid_are_those_of_pytorch(coarsening, levels):
    features = draw(3, 8 * 16, 5).round()
    image = features.transpose(1, 2).view(3, 5, 8, 16)
    expected = functional.max_pool2d(image, 2**levels, return_indices=True)
    step = coarsening(Equiangular(8, 16), levels)
    found = Pooling(step, "max", return_indices=True)(features)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other.flatten(2).transpose(1, 2))


@pytest.mark.parametrize("sampling", [Icosahedral(2), Fibonacci(96)], ids=str)
def test_indices_say_where_maxima_are_also_if_not_all_is_known(coarsening, sampling):
    step = coarsening(sampling)
    known = draw_known(step.fine, 0.2)
    features = draw(2, step.fine, 3)
    pooled, indices = Pooling(step, "max", known=known, return_indices=True)(features)
    expected, pixels = pool_one_by_one("max", step.matrix, features.numpy(), known)
    np.testing.assert_array_equal(pooled, expected)
    is_known = pixels >= 0
    assert not is_known.all()
    np.testing.assert_array_equal(indices[is_known], pixels[is_known])
    row = np.broadcast_to(np.arange(step.coarse)[:, np.newaxis], pixels.shape)
    own = step.matrix.toarray()[row, indices.numpy()] > 0
    assert own.all()
    assert not known[indices[~is_known]].any()


@pytest.mark.parametrize(
    ("sampling", "levels"),
    [(Icosahedral(1), 1), (Icosahedral(4), 1), (Icosahedral(4), 3), (Ugscnn(3), 1), (Ugscnn(3), 2)],
    ids=str,
)
def test_a_stride_on_icosahedral_vertices_keeps_the_first_as_published(
    coarsening, sampling, levels
):
    step = coarsening(sampling, levels)
    features = draw(2, step.fine, 3)
    assert torch.equal(Pooling(step, "stride")(features), features[:, : step.coarse])


@pytest.mark.parametrize("levels", [1, 2])
def test_a_stride_on_healpix_keeps_the_first_of_all_children(coarsening, levels):
    features = draw(2, 192, 3)
    found = Pooling(coarsening(Healpix(4), levels), "stride")(features)
    assert torch.equal(found, features[:, :: 4**levels])


def test_of_weights_that_differ_by_rounding_the_first_is_taken():
    matrix = csr_array([[0.2, 0.3 - 1e-16, 0.3, 0.2], [0.2, 0.3 - 1e-6, 0.3, 0.2]])
    assert strided_pixels(matrix).tolist() == [1, 2]


@given(st.lists(st.booleans(), min_size=6, max_size=6), st.sampled_from(KINDS))
@settings(derandomize=True, deadline=None, max_examples=40)
def test_what_is_not_known_does_not_matter(known, kind):
    """Neither to the values nor to the gradient, even if it is not a number."""
    known = np.array(known)
    layer = Pooling(CoarseningMap(MATRIX), kind, known=known).double()
    features = draw(2, 6, 3).round()
    results = []
    for unknown in (0, torch.nan, torch.inf):
        given = features.clone()
        given[:, ~known] = unknown
        given.requires_grad_()
        pooled = layer(given)
        (gradient,) = torch.autograd.grad(pooled.sum(), given)
        assert not gradient[:, ~known].any()
        results.append((pooled, gradient))
    expected, _ = pool_one_by_one(kind, MATRIX, features.numpy(), known)
    for pooled, gradient in results:
        np.testing.assert_allclose(pooled.detach(), expected, rtol=0, atol=1e-6)
        assert torch.equal(gradient, results[0][1])


def test_of_equal_features_the_first_counts_and_receives_the_gradient():
    features = torch.tensor([2.0, 1, 2, 2, 9, -torch.inf]).view(1, 6, 1).requires_grad_()
    layer = Pooling(CoarseningMap(MATRIX), "max", return_indices=True)
    pooled, indices = layer(features)
    assert pooled.flatten().tolist() == [2, 2, -torch.inf]
    assert indices.flatten().tolist() == [0, 2, 5]
    pooled[:, :2].sum().backward()
    assert features.grad.flatten().tolist() == [1, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("kind", ["max", "mean"])
def test_not_a_number_stays_so(kind):
    features = torch.zeros(1, 6, 1)
    features[0, 3] = torch.nan
    pooled = Pooling(CoarseningMap(MATRIX), kind)(features)
    assert pooled.isnan().flatten().tolist() == [False, True, False]


@pytest.mark.parametrize("known", [None, [True, False, True, False, True, False]])
@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_differentiated_twice(kind, known):
    known = None if known is None else np.array(known)
    layer = Pooling(CoarseningMap(MATRIX), kind, known=known).double()
    features = draw(2, 6, 3).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: layer(values**2), features)
    assert torch.autograd.gradgradcheck(lambda values: layer(values**2), features)


def test_only_nested_groups_of_equal_weight_are_averaged_without_weights(coarsening):
    assert isinstance(Pooling(coarsening(Healpix(2)), "mean").reduction, Pool)
    assert isinstance(Pooling(coarsening(Cubed(4)), "max").reduction, Pool)
    assert not isinstance(Pooling(coarsening(Cubed(4)), "mean").reduction, Pool)
    assert not isinstance(Pooling(coarsening(Equiangular(4, 8)), "max").reduction, Pool)


@pytest.mark.parametrize(
    ("sampling", "settings"),
    [
        (Healpix(2), {"kind": "max"}),
        (Healpix(2), {"kind": "mean"}),
        (Icosahedral(1), {"kind": "stride"}),
        (Icosahedral(1), {"kind": "mean", "known": draw_known(42, 0.3)}),
        (Icosahedral(1), {"kind": "max", "known": draw_known(42, 0.3), "return_indices": True}),
    ],
)
def test_it_survives_what_is_done_to_layers(coarsening, assert_survives, sampling, settings):
    layer = Pooling(coarsening(sampling), **settings)
    assert_survives(layer, draw(3, len(sampling), 2, dtype=torch.bfloat16).float())


def test_what_does_not_fit_is_refused(coarsening):
    step = coarsening(Healpix(2))
    with pytest.raises(ValueError, match="found 'median'"):
        Pooling(step, "median")
    with pytest.raises(ValueError, match="expected kind 'max' to return indices of, found 'mean'"):
        Pooling(step, "mean", return_indices=True)
    for known in (np.ones(12, np.bool_), np.ones(48)):
        with pytest.raises(ValueError, match=f"48 fine pixels, found {known.dtype} of shape"):
            Pooling(step, "mean", known=known)
    for kind in KINDS:
        with pytest.raises(ValueError, match=r"shape \(batch, 48, channel\), found \(2, 12, 3\)"):
            Pooling(step, kind)(torch.zeros(2, 12, 3))


def test_its_text_says_what_it_does(coarsening):
    text = repr(Pooling(coarsening(Icosahedral(1)), "max"))
    assert text.startswith("Pooling(\n  'max', fine=42, coarse=12")
