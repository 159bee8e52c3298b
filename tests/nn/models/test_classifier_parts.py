"""A classifier of the parts of a sky is the network of a patch, with the graph of each patch."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.levels import build_levels
from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.hierarchy import GraphHierarchy, graph_hierarchy
from deepsphere.nn.models.classifier import Classifier
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked

NSIDE, PARTS = 8, 12
PIXELS = NSIDE**2
RECIPE = Recipe(8, width=0.2, refinement=0)
HEADS = {
    "mean": {},
    "max": {"statistics": "max"},
    "mean-variance": {"statistics": "mean-variance"},
    "histogram": {"statistics": "histogram"},
    "flattened": {"statistics": None},
    "fully convolutional": {"fully_convolutional": True},
    "pooled to a pixel": {"levels": (0, 1, 3)},
}


@pytest.fixture(scope="module")
def sky():
    """Return the stored graphs of all levels of the sky in 12 parts."""
    recipe = replace(RECIPE, parts=PARTS)
    return build_levels(build_hierarchy(Healpix(NSIDE), 4), recipe, "symmetric")[0]


@pytest.fixture(scope="module")
def patches(sky):
    """Return levels of a polar, an equatorial and the last patch alone, with the lmax of the sky.

    A filter means the same on all patches only if all are rescaled alike.
    """
    found = {}
    for part in (0, 5, 11):
        patch = Masked(Healpix(NSIDE), Healpix(NSIDE).patch(part, PARTS))
        stored, _ = build_levels(build_hierarchy(patch, 4), RECIPE, "symmetric")
        levels = [
            replace(level, lmax=common.lmax)
            for level, common in zip(stored.levels, sky.levels, strict=True)
        ]
        found[part] = graph_hierarchy(replace(stored, levels=tuple(levels)), torch.float64)
    return found


def make(hierarchy, **settings):
    torch.manual_seed(0)
    model = Classifier(2, 3, hierarchy, kernel_size=3, widths=(4, 5), **settings).double()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point() and tensor.ndim and len(tensor) in (4, 5):
                tensor.add_(torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype))
    return model.eval()


@pytest.mark.parametrize("settings", HEADS.values(), ids=HEADS.keys())
def test_the_answer_for_a_part_is_that_of_the_patch_network(sky, patches, draw, settings):
    model = make(graph_hierarchy(sky, torch.float64), **settings)
    features = draw(2, PARTS * PIXELS, 2, dtype=torch.float64)
    logits, described = model(features, descriptors=True)
    assert logits.shape == (2, PARTS, 3)
    assert logits.std(dim=1).min() > 1e-3
    for part, hierarchy in patches.items():
        alone = make(hierarchy, **settings)
        alone.load_state_dict(model.state_dict())
        of_part = features[:, part * PIXELS : (part + 1) * PIXELS]
        expected, expected_described = alone(of_part, descriptors=True)
        torch.testing.assert_close(logits[:, part], expected, rtol=1e-9, atol=1e-10)
        torch.testing.assert_close(described[:, part], expected_described, rtol=1e-9, atol=1e-10)
    torch.testing.assert_close(model.descriptor(features), described)


def test_it_has_the_parameters_of_a_patch_network(sky, patches, count):
    for settings in HEADS.values():
        ours = make(graph_hierarchy(sky, torch.float64), **settings)
        theirs = make(patches[0], **settings)
        assert count(ours) == count(theirs)
        assert list(ours.state_dict()) == list(theirs.state_dict())


def test_in_training_each_part_is_a_sample_of_its_own(sky, draw):
    """What moves in one part moves no other one's dropout, and statistics are those of all."""
    model = Classifier(
        2, 3, graph_hierarchy(sky), kernel_size=3, widths=(4, 5), filter_dropout=0.5
    ).train()
    seen = []
    model.filter_dropout.register_forward_hook(lambda _, inputs, result: seen.append(result))
    logits = model(draw(2, PARTS * PIXELS, 2))
    assert [tuple(result.shape) for result in seen] == [(24, 16, 4), (24, 4, 5)]
    dropped = (seen[0] == 0).all(dim=1)
    assert 0 < dropped.sum() < dropped.numel()
    assert not (dropped[0] == dropped).all()
    logits.square().sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in model.parameters())


@pytest.mark.parametrize("settings", HEADS.values(), ids=HEADS.keys())
def test_a_device_without_maps_gets_no_answers(sky, settings):
    model = make(graph_hierarchy(sky, torch.float64), **settings)
    logits = model(torch.zeros(0, PARTS * PIXELS, 2, dtype=torch.float64))
    assert logits.shape == (0, PARTS, 3)


def test_it_can_be_exported(sky, draw, assert_exportable):
    model = Classifier(2, 3, graph_hierarchy(sky), kernel_size=3, widths=(4, 5))
    assert_exportable(model, draw(2, PARTS * PIXELS, 2))


def test_nothing_can_be_convolved_on_a_pixel_a_part(sky):
    with pytest.raises(ValueError, match="level 3 has a single pixel, or one a part: pool to it"):
        make(graph_hierarchy(sky), levels=(0, 1, 3), fully_convolutional=True)


def test_parts_of_other_pixels_are_refused(sky):
    hierarchy = graph_hierarchy(sky)
    with pytest.raises(ValueError, match=r"level 0 to have 7 parts of equally many .* found 768 p"):
        replace(hierarchy, parts=7)
    areas = (np.linspace(0.5, 1.5, 768), *hierarchy.areas[1:])
    with pytest.raises(ValueError, match=r"level 0 to have 12 parts .* known and of one area"):
        replace(hierarchy, areas=areas)
    known = (None, np.arange(192) > 3, None, None)
    with pytest.raises(ValueError, match=r"level 1 to have 12 parts .* known and of one area"):
        replace(hierarchy, known=known)
    assert isinstance(replace(hierarchy, areas=areas, known=known, parts=1), GraphHierarchy)
    with pytest.raises(DeepsphereError, match="works on 6 levels, but its graph has 4"):
        Classifier(2, 3, hierarchy)
