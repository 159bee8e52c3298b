import healpy
import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.models.classifier import Classifier, Model
from deepsphere.nn.reference import chebyshev_convolution_reference
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked

COSMOLOGY = {"kernel_size": 5, "widths": (16, 32, 64, 64, 64)}
TWICE = (16, 16, 32, 32, 64, 64, 128, 128, 256, 256)
DEEPER = (16, 32, 64, 128, 256, 512, 1024, 2048, 2048)


@pytest.mark.parametrize(
    ("classes", "settings", "expected"),
    [
        (55, {}, 189_040),
        (40, {}, 185_200),
        (40, {"widths": TWICE, "levels": (0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5)}, 534_880),
        (40, {"widths": DEEPER, "levels": (0, 1, 2, 2, 3, 3, 4, 4, 5, 5)}, 28_049_776),
        (55, {"kernel_size": 5, "widths": (100, 100), "levels": (0, 2, 3)}, 58_700),
    ],
)
def test_those_of_meshes_have_as_many_parameters_as_published(
    hierarchy_on, count, without_weights, classes, settings, expected
):
    """6 channels on nside 32: "optim" for both data sets, "mn40", "mn40_optim", "Cohen-like"."""
    assert count(Model(6, classes, hierarchy_on("published healpix"), **settings)) == expected


def test_the_fully_convolutional_one_of_cosmology_has_as_many_parameters_as_published(
    hierarchy_on, count
):
    hierarchy = hierarchy_on("published healpix")
    model = Classifier(1, 2, hierarchy, fully_convolutional=True, **COSMOLOGY)
    assert count(model) == 54_720


@pytest.mark.parametrize(("order", "expected"), [(1, 185_152), (2, 86_848), (4, 62_272)])
def test_the_ones_of_cosmology_with_a_dense_layer_have_as_many_as_published(order, expected, count):
    """Their last pooling is to nside 32; pooling has no parameters, so that level will do.

    An order cuts the sphere into 12 order² parts.
    """
    patch = Masked(Healpix(32), np.arange((32 // order) ** 2))
    hierarchy = build_graph_hierarchy(patch, 1, Recipe(8, refinement=0))
    model = Classifier(1, 2, hierarchy, levels=(0,) * 6, statistics=None, **COSMOLOGY)
    assert count(model) == expected


def test_the_default_is_the_published_formula(hierarchy_on, draw):
    hierarchy = hierarchy_on("healpix", torch.float64)
    torch.manual_seed(0)
    model = Classifier(2, 3, hierarchy, widths=(4, 5)).double()
    model.train()(draw(3, 192, 2, seed=1, dtype=torch.float64))
    features = values = draw(3, 192, 2, dtype=torch.float64)
    for level, block in enumerate(model.blocks):
        with torch.no_grad():
            block.bias.copy_(draw(len(block.bias), seed=level))
        statistics = block.normalization.statistics
        weight, laplacian = block.convolution.weight, hierarchy.operator(level)
        values = chebyshev_convolution_reference(values, weight, laplacian)
        values = (values - statistics.running_mean) / (statistics.running_var + 1e-5).sqrt()
        values = (values + block.bias).clamp(min=0)
        values = values.unflatten(1, (-1, 4)).amax(dim=2)
    expected = values.mean(dim=1) @ model.dense.weight.T
    result = model.eval()(features)
    assert result.shape == (3, 3)
    assert expected.std() > 0.01
    torch.testing.assert_close(result, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-4)])
@pytest.mark.parametrize("graph", ["healpix", "healpix, default graph"])
@pytest.mark.parametrize("turned", ["90 degrees about z", "180 degrees about x"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"pool": "mean", "statistics": "histogram"}, {"fully_convolutional": True}],
    ids=["max", "mean", "fully convolutional"],
)
def test_what_turns_pixels_onto_pixels_leaves_the_logits(
    hierarchy_on, draw, settings, turned, graph, dtype, tolerance
):
    """Pixels are moved by healpy, and every parameter is random.

    The edges have to be symmetric, too, as those to the adjacent pixels are, and those of the
    default graph. Those published to a number of nearest pixels are not, as the number cuts through
    equally near ones.
    """
    rotation = {
        "90 degrees about z": np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]]),
        "180 degrees about x": np.diag([1, -1, -1]),
    }[turned]
    pixels = np.arange(192)
    directions = rotation @ np.array(healpy.pix2vec(4, pixels, nest=True))
    order = healpy.vec2pix(4, *directions, nest=True)
    assert np.array_equal(np.sort(order), pixels)
    torch.manual_seed(0)
    model = Classifier(3, 4, hierarchy_on(graph, dtype), widths=(8, 16), **settings).to(dtype)
    features = draw(5, 192, 3, dtype=dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        logits = model(features)
        assert logits.std(dim=0).min() > 0.01
        largest = logits.abs().max()
        for given in (model, model.eval()):
            expected = given(features)
            assert (given(features[:, order]) - expected).abs().max() < tolerance * largest
            # Another order of the pixels is another map.
            assert (given(features.flip(1)) - expected).abs().max() > 1e-3 * largest


@pytest.mark.parametrize("statistics", ["mean", "variance", "mean-variance", "max", None])
@pytest.mark.parametrize("pool", ["max", "mean", "stride"])
def test_it_works_on_every_sampling(hierarchy, draw, pool, statistics):
    widths = (4, 5)[: len(hierarchy) - 1]
    model = Classifier(2, 3, hierarchy, widths=widths, pool=pool, statistics=statistics)
    logits = model(draw(2, hierarchy.pixels(0), 2))
    assert logits.shape == (2, 3)
    logits.square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


@pytest.mark.parametrize("pool", ["max", "mean", "stride"])
@pytest.mark.parametrize("head", [{}, {"statistics": None}, {"fully_convolutional": True}])
def test_what_is_in_the_padding_is_never_seen(hierarchy_on, draw, pool, head):
    hierarchy = hierarchy_on("partial")
    padding = torch.as_tensor(~hierarchy.known[0])
    assert 0 < padding.sum() < len(padding)
    model = Classifier(2, 3, hierarchy, widths=(4,), pool=pool, **head).eval()
    features = draw(2, len(padding), 2)
    other = features.clone()
    other[:, padding] = torch.nan
    assert torch.equal(model(other), model(features))
    other[:, ~padding] += 1
    assert not torch.equal(model(other), model(features))


def test_coarse_pixels_of_padding_alone_do_not_count(hierarchy_on, draw):
    """With a filter of order 0 a bias shows in every pixel, but only known ones enter the mean."""
    hierarchy = hierarchy_on("partial")
    known = hierarchy.known[1]
    assert (~known).sum() > 0
    settings = {"kernel_size": 1, "widths": (4,), "levels": (0, 1)}
    model = Classifier(2, 3, hierarchy, **settings).eval()
    features = draw(2, hierarchy.pixels(0), 2)
    with torch.no_grad():
        model.blocks[0].bias.fill_(0.5)
        fine = torch.as_tensor(hierarchy.known[0])[:, None]
        values = model.blocks[0](torch.where(fine, features, 0))
        groups = torch.where(fine, values, -torch.inf).unflatten(1, (-1, 4)).amax(dim=2)
        expected = groups[:, known].mean(dim=1)
        torch.testing.assert_close(model.descriptor(features), expected, rtol=1e-6, atol=1e-7)


def test_the_mean_is_one_over_the_sphere_where_the_graph_has_areas(hierarchy_on, draw):
    hierarchy = hierarchy_on("equiangular")
    areas = torch.as_tensor(hierarchy.areas[1], dtype=torch.float32)
    assert areas.max() > 2 * areas.min()
    model = Classifier(2, 3, hierarchy, widths=(4,)).eval()
    features = draw(2, hierarchy.pixels(0), 2)
    pooled = model.poolings[0](model.blocks[0](features))
    expected = (pooled * areas[:, None]).sum(dim=1) / areas.sum()
    torch.testing.assert_close(model.descriptor(features), expected, rtol=1e-5, atol=1e-6)
    assert (pooled.mean(dim=1) - expected).abs().max() > 1e-3


def test_the_descriptor_is_what_enters_the_dense_layer(hierarchy_on, draw):
    hierarchy, features = hierarchy_on("healpix"), draw(2, 192, 2)
    model = Classifier(2, 3, hierarchy, widths=(4, 5), statistics="mean-variance").eval()
    descriptor = model.descriptor(features)
    assert descriptor.shape == (2, 10)
    assert torch.equal(model(features), descriptor @ model.dense.weight.T)
    convolutional = Classifier(2, 3, hierarchy, widths=(4, 5), fully_convolutional=True).eval()
    assert torch.equal(convolutional(features), convolutional.descriptor(features))


@pytest.mark.parametrize("head", [{}, {"fully_convolutional": True}], ids=["dense", "convolution"])
def test_logits_and_descriptors_come_from_one_pass(hierarchy_on, draw, head):
    torch.manual_seed(0)
    model = Classifier(2, 3, hierarchy_on("healpix"), widths=(4, 5), **head)
    features = draw(3, 192, 2)
    passes = []
    model.blocks[0].register_forward_hook(lambda *_: passes.append(1))
    logits, described = model.eval()(features, descriptors=True)
    assert len(passes) == 1
    torch.testing.assert_close(logits, model(features), rtol=0, atol=0)
    torch.testing.assert_close(described, model.descriptor(features), rtol=0, atol=0)
    assert described.shape == (3, 3 if head else 5)


def test_compiled_it_says_the_same_with_and_without_descriptors(hierarchy_on, draw):
    torch.manual_seed(0)
    model = Classifier(2, 3, hierarchy_on("tiny"), widths=(4,)).eval()
    features = draw(3, 48, 2)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        for expected, found in zip(
            model(features, descriptors=True), compiled(features, descriptors=True), strict=True
        ):
            torch.testing.assert_close(found, expected)
        torch.testing.assert_close(compiled(features), model(features))


def test_filters_are_dropped_in_training_only(hierarchy_on, draw):
    features = draw(2, 192, 2)
    model = Classifier(2, 3, hierarchy_on("healpix"), widths=(8, 8), filter_dropout=0.5)
    assert not torch.equal(model(features), model(features))
    model.eval()
    assert torch.equal(model(features), model(features))


def test_its_state_fits_a_part_of_the_sphere_and_another_sampling(hierarchy_on):
    states = {
        name: Classifier(2, 3, hierarchy_on(name), widths=(4, 5)).state_dict()
        for name in ("healpix", "partial", "icosahedral", "equiangular")
    }
    for name, state in states.items():
        Classifier(2, 3, hierarchy_on(name), widths=(4, 5)).load_state_dict(states["healpix"])
        assert state.keys() == states["healpix"].keys()


def test_its_state_comes_back(hierarchy_on, draw, assert_state_returns):
    hierarchy = hierarchy_on("healpix")
    assert_state_returns(lambda: Classifier(2, 3, hierarchy, widths=(4, 5)), draw(2, 192, 2))


@pytest.mark.parametrize("name", ["healpix", "partial"])
def test_it_can_be_exported(hierarchy_on, draw, assert_exportable, name):
    hierarchy = hierarchy_on(name)
    model = Classifier(2, 3, hierarchy, widths=(4, 5))
    assert_exportable(model, draw(2, hierarchy.pixels(0), 2))


@pytest.mark.parametrize("head", [{}, {"statistics": None}, {"fully_convolutional": True}])
def test_it_learns_one_batch_by_heart(hierarchy_on, draw, overfit, head):
    torch.manual_seed(0)
    model = Classifier(2, 4, hierarchy_on("tiny"), widths=(32,), **head)
    before, after = overfit(model, draw(8, 48, 2), torch.arange(8) % 4)
    assert before > 0.5
    assert after < before / 10


def test_what_does_not_fit_is_refused_in_one_line(hierarchy_on):
    hierarchy = hierarchy_on("healpix")
    with pytest.raises(DeepsphereError, match=r"works on 6 levels, but its graph has 3; give the"):
        Classifier(2, 3, hierarchy)
    for levels in [(0, 1), (0, 2, 1), (1, 1, 2)]:
        with pytest.raises(DeepsphereError, match=r"2 blocks need 3 levels, from 0 and never back"):
            Classifier(2, 3, hierarchy, widths=(4, 5), levels=levels)
    with pytest.raises(
        DeepsphereError, match=r"statistics='mean-variance' has 6 for 3 classes; ta"
    ):
        Classifier(
            2, 3, hierarchy, widths=(4,), statistics="mean-variance", fully_convolutional=True
        )
    with pytest.raises(DeepsphereError, match=r"needs one number a class; statistics=None has"):
        Classifier(2, 3, hierarchy, widths=(4,), statistics=None, fully_convolutional=True)


def test_most_of_a_sphere_may_be_padding(draw):
    """One pixel in 16 is known: running variances are those of known pixels alone.

    Over all 768 pixels they would be a sixteenth of it. What a block leaves in the padding, which
    is not 0 where there is a bias, is not seen by the next one.
    """
    part = Masked(Healpix(8), np.arange(0, 768, 16))
    hierarchy = build_graph_hierarchy(part, 3, Recipe(6, refinement=0))
    known = torch.as_tensor(hierarchy.known[0])
    assert (int(known.sum()), len(known)) == (48, 768)
    model = Classifier(2, 3, hierarchy, widths=(8, 8), levels=(0, 0, 1))
    features = draw(4, 768, 2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3)
        model(features)
        first, second = model.blocks
        convolved = first.convolution(features)
        variance = convolved[:, known].flatten(0, 1).var(dim=0)
        found = first.normalization.statistics.running_var
        torch.testing.assert_close(found, 0.9 + 0.1 * variance, rtol=1e-5, atol=1e-6)
        model.eval()
        left = first(features)
        assert left[:, ~known].abs().max() > 0.1
        cleared = torch.where(known[:, None], left, 0)
        assert torch.equal(second(left), second(cleared))


def test_a_network_without_layers_is_refused(hierarchy_on):
    with pytest.raises(DeepsphereError, match="at least one width; found none"):
        Classifier(2, 3, hierarchy_on("healpix"), widths=())
