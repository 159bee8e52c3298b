import healpy
import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from torch.nn import functional

from deepsphere.nn.hierarchy import CoarseningMap
from deepsphere.nn.pooling.expansion import Unpooling
from deepsphere.nn.pooling.reduction import Pooling
from deepsphere.samplings.cubed import Cubed
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.fibonacci import Fibonacci
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.stations import Stations

# PyTorch's own compiler still uses what it warns of.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")

# Rows with 2, 3 and 1 entries; pixel 2 is in two of them, by a third and by two thirds.
MATRIX = csr_array(
    [[0.8, 0, 0.2, 0, 0, 0], [0, 0.3, 0.4, 0.3, 0, 0], [0, 0, 0, 0, 0.5, 0.5]], shape=(3, 6)
)
OVERLAPPING = CoarseningMap(MATRIX)


def draw(*shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("kind", ["repeat", "interpolate"])
@pytest.mark.parametrize("levels", [1, 2])
def test_on_healpix_repeats_and_interpolations_are_healpys(coarsening, kind, levels):
    features = draw(2, 12, 3)
    found = Unpooling(coarsening(Healpix(2**levels), levels), kind)(features)
    maps = features.permute(0, 2, 1).reshape(-1, 12).numpy()
    expected = np.stack(
        [healpy.ud_grade(one, 2**levels, order_in="NESTED", order_out="NESTED") for one in maps]
    )
    np.testing.assert_array_equal(found, expected.reshape(2, 3, -1).transpose(0, 2, 1))


@pytest.mark.parametrize("kind", ["repeat", "interpolate"])
@pytest.mark.parametrize("levels", [1, 2])
def test_on_a_grid_repeats_and_interpolations_are_pytorchs(coarsening, kind, levels):
    step = coarsening(Equiangular(8, 16), levels)
    rows, columns = 8 >> levels, 16 >> levels
    features = draw(2, step.coarse, 3)
    image = features.transpose(1, 2).view(2, 3, rows, columns)
    expected = functional.interpolate(image, scale_factor=2**levels, mode="nearest")
    found = Unpooling(step, kind)(features)
    assert torch.equal(found, expected.flatten(2).transpose(1, 2))


@pytest.mark.parametrize("sampling", [Healpix(2), Equiangular(4, 8), Cubed(4)], ids=str)
def test_what_was_repeated_is_pooled_to_what_it_was(coarsening, sampling):
    step = coarsening(sampling)
    features = draw(2, step.coarse, 3)
    repeated = Unpooling(step, "repeat")(features)
    for kind, tolerance in (("max", 0), ("stride", 0), ("mean", 1e-6)):
        pooled = Pooling(step, kind).double()(repeated)
        torch.testing.assert_close(pooled, features, rtol=0, atol=tolerance)


def test_groups_of_any_size_get_what_their_mean_has_if_interpolated(coarsening):
    generator = np.random.default_rng(0)
    latitude = np.degrees(np.arcsin(generator.uniform(-1, 1, 60)))
    step = coarsening(Stations(generator.uniform(0, 360, 60), latitude))
    groups = step.matrix.toarray().argmax(axis=0)
    assert step.children is None
    features = draw(2, step.coarse, 3)
    assert torch.equal(Unpooling(step, "interpolate")(features), features[:, groups])


@pytest.mark.parametrize("level", [1, 2, 4])
def test_between_icosahedral_vertices_it_interpolates_along_the_sides(coarsening, level):
    """Vertices of both levels keep their values, middles get nearly the mean of the two ends.

    The map divides what half of the middle's area adds to an end by the area A that the end
    collects: all of its own and half of its middles'. So the end counts in proportion to 1/A.
    """
    sampling = Icosahedral(level)
    step = coarsening(sampling)
    coarse, neighbours = step.coarse, sampling.neighbours()
    matrix = Unpooling(step, "interpolate").double()(torch.eye(coarse).double()[None])[0].numpy()
    np.testing.assert_array_equal(matrix[:coarse], np.eye(coarse))
    padded = np.append(sampling.areas, 0)
    collected = sampling.areas[:coarse] + padded[neighbours[:coarse]].sum(axis=1) / 2
    for middle in range(coarse, step.fine):
        ends = neighbours[middle][neighbours[middle] < coarse]
        ends = ends[ends >= 0]
        assert len(ends) == 2
        expected = 1 / collected[ends] / np.sum(1 / collected[ends])
        assert (np.abs(expected - 0.5) < 0.06).all()
        np.testing.assert_allclose(matrix[middle, ends], expected, rtol=1e-6)
        assert np.count_nonzero(matrix[middle]) == 2


@pytest.mark.parametrize("sampling", [Fibonacci(96), Icosahedral(2)], ids=str)
def test_interpolations_are_weighted_as_averages_are(coarsening, sampling):
    step = coarsening(sampling)
    features = draw(2, step.coarse, 3)
    weights = step.matrix.toarray().T
    weights /= weights.sum(axis=1, keepdims=True)
    found = Unpooling(step, "interpolate").double()(features)
    np.testing.assert_allclose(found, weights @ features.numpy(), rtol=0, atol=1e-6)
    constant = torch.full((1, step.coarse, 1), 0.7)
    found = Unpooling(step, "interpolate")(constant)
    torch.testing.assert_close(found, torch.full((1, step.fine, 1), 0.7), rtol=1e-6, atol=0)


@pytest.mark.parametrize("levels", [1, 2])
def test_maxima_on_healpix_go_back_as_pytorchs(coarsening, levels):
    """Also if the features that go back are others than those that were pooled."""
    step = coarsening(Healpix(4), levels)
    _, indices = Pooling(step, "max", return_indices=True)(draw(3, 192, 5))
    features = draw(3, step.coarse, 5, seed=1)
    columns = (tensor.transpose(1, 2).contiguous() for tensor in (features, indices))
    expected = functional.max_unpool1d(*columns, 4**levels).transpose(1, 2)
    assert torch.equal(Unpooling(step, "max")(features, indices), expected)


def test_maxima_on_a_grid_go_back_as_pytorchs(coarsening):
    step = coarsening(Equiangular(8, 16))
    pooled, indices = Pooling(step, "max", return_indices=True)(draw(3, 128, 5))
    images = (tensor.transpose(1, 2).reshape(3, 5, 4, 8) for tensor in (pooled, indices))
    expected = functional.max_unpool2d(*images, 2).flatten(2).transpose(1, 2)
    assert torch.equal(Unpooling(step, "max")(pooled, indices), expected)


@pytest.mark.parametrize("sampling", [Icosahedral(2), Fibonacci(96), Equiangular(4, 8)], ids=str)
def test_maxima_come_back_to_their_places_unchanged(coarsening, sampling):
    step = coarsening(sampling)
    features = draw(2, step.fine, 3)
    pooled, indices = Pooling(step, "max", return_indices=True)(features)
    unpooled = Unpooling(step, "max")(pooled, indices)
    is_maximum = torch.zeros(features.shape, dtype=torch.bool)
    is_maximum.scatter_(1, indices, torch.tensor(True).expand(indices.shape))
    torch.testing.assert_close(unpooled, torch.where(is_maximum, features, 0), rtol=1e-15, atol=0)


def test_where_several_maxima_were_one_it_gets_the_mean():
    features = torch.tensor([0.0, 0, 5, 0, 1, 0]).view(1, 6, 1)
    _, indices = Pooling(OVERLAPPING, "max", return_indices=True)(features)
    given = torch.tensor([2.0, 8, 3]).view(1, 3, 1).requires_grad_()
    unpooled = Unpooling(OVERLAPPING, "max")(given, indices)
    assert unpooled.flatten().tolist() == [0, 0, 5, 0, 3, 0]
    unpooled.sum().backward()
    assert given.grad.flatten().tolist() == [0.5, 0.5, 1]


def test_coarse_pixels_without_known_ones_do_not_disturb_maxima_that_come_back(coarsening):
    """They go to pixels that are unknown, too."""
    step = coarsening(Icosahedral(1))
    known = np.arange(42) == 3
    features = draw(2, 42, 3)
    pooled, indices = Pooling(step, "max", known=known, return_indices=True)(features)
    unpooled = Unpooling(step, "max")(pooled + 1, indices)
    torch.testing.assert_close(unpooled[:, 3], features[:, 3] + 1)
    assert set(unpooled[:, ~known].unique().tolist()) == {0, 1}


@pytest.mark.parametrize("fill", [0.0, 1.0])
@pytest.mark.parametrize("levels", [1, 2])
def test_icosahedral_vertices_are_filled_as_published(coarsening, fill, levels):
    step = coarsening(Icosahedral(3), levels)
    features = draw(2, step.coarse, 3)
    padding = torch.full((2, step.fine - step.coarse, 3), fill, dtype=torch.float64)
    expected = torch.cat([features, padding], dim=1)
    assert torch.equal(Unpooling(step, "fill", fill=fill)(features), expected)


@pytest.mark.parametrize("sampling", [Healpix(2), Equiangular(4, 8), Fibonacci(96)], ids=str)
def test_what_was_filled_up_is_taken_out_by_a_stride(coarsening, sampling):
    step = coarsening(sampling)
    features = draw(2, step.coarse, 3)
    filled = Unpooling(step, "fill", fill=7.5)(features)
    assert torch.equal(Pooling(step, "stride")(filled), features)
    assert (filled == 7.5).sum() == 6 * (step.fine - step.coarse)


def test_where_several_coarse_pixels_have_one_place_it_gets_their_mean():
    step = CoarseningMap(csr_array([[0.4, 0.6, 0], [0, 0.6, 0.4]]))
    found = Unpooling(step, "fill", fill=1)(torch.tensor([2.0, 4]).view(1, 2, 1))
    assert found.flatten().tolist() == [1, 3, 1]


CASES = [
    (sampling, kind)
    for sampling in (Healpix(2), Equiangular(4, 8), Icosahedral(1))
    for kind in ("repeat", "interpolate", "max", "fill")
    if kind != "repeat" or sampling != Icosahedral(1)
]


def case(step, kind, dtype):
    """Return the layer, a batch of 3 for it, and indices if it takes them."""
    given = [draw(3, step.coarse, 2, dtype=torch.bfloat16).to(dtype)]
    if kind == "max":
        pooling = Pooling(step, "max", return_indices=True)
        given.append(pooling(draw(3, step.fine, 2, seed=1))[1])
    return Unpooling(step, kind, fill=float(kind == "fill")), *given


@pytest.mark.parametrize(("sampling", "kind"), CASES, ids=str)
def test_it_can_be_differentiated_twice(coarsening, sampling, kind):
    layer, features, *indices = case(coarsening(sampling), kind, torch.float64)
    layer.double()
    features = features[:1].requires_grad_()
    indices = [one[:1] for one in indices]
    assert torch.autograd.gradcheck(lambda values: layer(values**2, *indices), features)
    assert torch.autograd.gradgradcheck(lambda values: layer(values**2, *indices), features)


@pytest.mark.parametrize(
    ("sampling", "kind"),
    [
        (Healpix(2), "repeat"),
        (Icosahedral(1), "interpolate"),
        (Icosahedral(1), "max"),
        (Icosahedral(1), "fill"),
    ],
)
def test_it_survives_what_is_done_to_layers(coarsening, assert_survives, sampling, kind):
    assert_survives(*case(coarsening(sampling), kind, torch.float32))


def test_without_children_there_is_nothing_to_repeat_to(coarsening):
    with pytest.raises(ValueError, match="found one without; use kind 'interpolate'"):
        Unpooling(coarsening(Icosahedral(1)), "repeat")


def test_fine_pixels_that_belong_to_no_coarse_one_cannot_be_interpolated():
    step = CoarseningMap(csr_array([[1.0, 0, 0], [0, 0.5, 0]]))
    with pytest.raises(ValueError, match=r"3 fine pixels .* found 1 that do not, the first is 2"):
        Unpooling(step, "interpolate")


def test_what_does_not_fit_is_refused(coarsening):
    step = coarsening(Healpix(2))
    features, indices = torch.zeros(2, 12, 3), torch.zeros(2, 12, 3, dtype=torch.int64)
    with pytest.raises(ValueError, match="found 'mean'"):
        Unpooling(step, "mean")
    with pytest.raises(ValueError, match=r"expected kind 'fill' to fill with 1\.0, found 'max'"):
        Unpooling(step, "max", fill=1.0)
    with pytest.raises(ValueError, match=r"indices of shape \(2, 12, 3\), found None"):
        Unpooling(step, "max")(features)
    with pytest.raises(ValueError, match=r"indices of shape \(2, 12, 3\), found \(1, 12, 3\)"):
        Unpooling(step, "max")(features, indices[:1])
    with pytest.raises(ValueError, match="expected no indices for kind 'repeat'"):
        Unpooling(step, "repeat")(features, indices)
    for kind in ("repeat", "interpolate", "max", "fill"):
        with pytest.raises(ValueError, match=r"shape \(batch, 12, channel\), found \(2, 48, 3\)"):
            Unpooling(step, kind)(torch.zeros(2, 48, 3))


def test_its_text_says_what_it_does(coarsening):
    step = coarsening(Healpix(2))
    assert repr(Unpooling(step, "max")) == "Unpooling('max', coarse=12, fine=48)"
    assert "'fill', fill=1.0, coarse=12, fine=48" in repr(Unpooling(step, "fill", fill=1.0))


@pytest.mark.parametrize("sampling", [Healpix(2), Icosahedral(1)])
def test_filling_undoes_the_stride_over_known_pixels(coarsening, sampling):
    """What was pooled is back where it was, and all else is filled; child 0 is not known."""
    step = coarsening(sampling)
    known = np.random.default_rng(0).random(step.fine) < 0.6
    known[0] = False
    features = torch.arange(1.0, step.fine + 1).repeat(2, 1)[..., None]
    pooled = Pooling(step, "stride", known=known)(features)
    with_known = torch.as_tensor(step.matrix @ known > 0)
    result = Unpooling(step, "fill", fill=-1, known=known)(pooled)
    places = pooled[0, with_known, 0].long() - 1
    assert known[places].all()
    assert torch.equal(result[:, places], features[:, places])
    others = np.setdiff1d(np.flatnonzero(known), places)
    assert (result[:, others] == -1).all()
    # Without, it would be in the padding.
    elsewhere = Unpooling(step, "fill", fill=-1)(pooled)
    assert not torch.equal(elsewhere[:, known], result[:, known])


def test_known_is_a_boolean_for_each_fine_pixel(coarsening):
    with pytest.raises(ValueError, match="a boolean for each of 48 fine pixels"):
        Unpooling(coarsening(Healpix(2)), "fill", known=np.ones(12, dtype=np.bool_))
