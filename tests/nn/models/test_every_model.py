"""What holds for every class of models."""

import copy
import pickle

import numpy as np
import pytest
import torch

from deepsphere.nn.equivariance import rotation_error, symmetry_error
from deepsphere.nn.models.auto_encoder import AutoEncoder
from deepsphere.nn.models.classifier import Classifier
from deepsphere.nn.models.dense_regressor import DenseRegressor
from deepsphere.nn.models.global_regressor import GlobalRegressor
from deepsphere.nn.models.recurrent import Recurrent
from deepsphere.nn.models.recurrent_unet import RecurrentUNet
from deepsphere.nn.models.unet import UNet
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.temporal import StackedWindows
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.healpix_symmetries import healpix_symmetries

# Of 2 channels, and of 3 times where they take maps over time.
MODELS = {
    "auto-encoder": lambda given: AutoEncoder(
        2, given, code_channels=2, widths=(4, 5), kernel_size=3, resampling="mean"
    ),
    "learned auto-encoder": lambda given: AutoEncoder(
        2, given, code_channels=2, widths=(4, 5), kernel_size=3
    ),
    "classifier": lambda given: Classifier(2, 3, given, widths=(4, 5)),
    "fully convolutional": lambda given: Classifier(
        2, 3, given, widths=(4,), fully_convolutional=True
    ),
    "dense regressor": lambda given: DenseRegressor(2, given, kernel_size=3, widths=(4, 5)),
    "global regressor": lambda given: GlobalRegressor(2, given, kernel_size=3, widths=(4, 5)),
    "u-net": lambda given: UNet(2, 3, given, widths=((4,), (5,), (6,))),
    "u-net, latest": lambda given: UNet(
        2, 3, given, widths=((4,), (5,), (6,)), wiring="latest", pool="mean"
    ),
    "recurrent": lambda given: Recurrent(2, 3, given, kernel_size=3, widths=(4, 5)),
    "recurrent u-net": lambda given: RecurrentUNet(2, 3, given, widths=((4,), (5,), (6,))),
    "stacked windows": lambda given: StackedWindows(
        DenseRegressor(6, given, kernel_size=3, widths=(4, 5))
    ),
}
OVER_TIME = ("recurrent", "recurrent u-net", "stacked windows")

every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture
def make(hierarchy_on):
    """Return a function that makes a model on a sampling, all of its parameters random."""

    def made(name, sampling="healpix", dtype=torch.float32):
        torch.manual_seed(0)
        model = MODELS[name](hierarchy_on(sampling, dtype)).to(dtype)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        return model

    return made


def shape_of(name, pixels, batch=3):
    return (batch, 3, pixels, 2) if name in OVER_TIME else (batch, pixels, 2)


@every_model
def test_models_of_one_hierarchy_are_converted_each_by_itself(name, make, draw, hierarchy_on):
    hierarchy = hierarchy_on("healpix")
    before = [tensor.clone() for tensor in hierarchy.operator(0).tensors if tensor is not None]
    converted, other = make(name).eval(), make(name).eval()
    features = draw(*shape_of(name, 192))
    expected = other(features)
    in_double = converted.double()(features.double())
    assert torch.equal(other(features), expected)
    torch.testing.assert_close(in_double.float(), expected, rtol=1e-4, atol=1e-4)
    converted.to("meta")
    assert torch.equal(other(features), expected)
    after = [tensor for tensor in hierarchy.operator(0).tensors if tensor is not None]
    for one, two in zip(before, after, strict=True):
        assert one.dtype == two.dtype
        assert torch.equal(one, two)


@every_model
def test_the_layers_of_a_level_share_one_operator(name, make):
    operators = [one for one in make(name).modules() if isinstance(one, SymmetricOperator)]
    assert operators
    assert len(operators) == len({one.pixels for one in operators})


@every_model
def test_what_swaps_pixels_swaps_the_output_or_leaves_it(name, make, draw):
    model = make(name, "healpix, default graph", torch.float64).eval()
    features = draw(*shape_of(name, 192), dtype=torch.float64)
    errors = [symmetry_error(model, features, one) for one in healpix_symmetries(4)[1:]]
    assert all(error.shape == (3,) for error in errors)
    # Learned resampling tells the children of a pixel apart, which some of the symmetries swap.
    if name == "learned auto-encoder":
        assert max(error.min() for error in errors) > 1e-3
    else:
        assert max(error.max() for error in errors) < 1e-10
    swapped = np.random.default_rng(0).permutation(192)
    assert symmetry_error(model, features, swapped).min() > 1e-3


@every_model
def test_the_error_under_rotations_can_be_measured(name, make):
    model = make(name, "healpix, default graph").eval()
    times = 3 if name in OVER_TIME else None
    sampling = Healpix(4)
    settings = {"channels": 2, "times": times, "maps": 2, "rotations": 3}
    error = rotation_error(model, sampling.positions, 3, **settings)
    assert error.shape == (3, 2)
    assert torch.isfinite(error).all()
    assert error.min() > 0
    # Another map altogether is off by the square root of 2.
    assert error.mean() < (2 if name == "learned auto-encoder" else 1)


@every_model
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_copy_computes_the_same_and_learns_by_itself(name, copied, make, draw):
    model, features = make(name).eval(), draw(*shape_of(name, 192))
    other = copied(model)
    expected = model(features)
    assert torch.equal(other(features), expected)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1)
    assert torch.equal(model(features), expected)
    assert not torch.allclose(other(features), expected)


@every_model
def test_it_is_compiled_in_one_piece(name, make, draw):
    model = make(name, dtype=torch.float64)
    features = draw(*shape_of(name, 192), dtype=torch.float64)
    oracle = copy.deepcopy(model)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    for one in (compiled, oracle):
        one(features).square().sum().backward()
    for found, expected in zip(model.parameters(), oracle.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, rtol=1e-9, atol=1e-9)
    model.eval()
    oracle.eval()
    torch.testing.assert_close(compiled(features), oracle(features), rtol=1e-9, atol=1e-9)


@every_model
def test_what_is_in_the_padding_changes_nothing(name, make, draw, hierarchy_on):
    """Neither outputs where there are data, nor gradients, nor running averages, be it NaN."""
    known = torch.as_tensor(hierarchy_on("partial").known[0])
    clean = draw(*shape_of(name, len(known)))
    spoiled = clean.clone()
    spoiled[..., ~known, :] = torch.nan
    results = []
    for features in (clean, spoiled):
        model = make(name, "partial")
        output = model(features)
        if output.ndim > 1 and output.shape[1] == len(known):
            output = output[:, known]
        output.square().sum().backward()
        averages = [one for _, one in model.named_buffers() if one.is_floating_point()]
        results.append((output, *(one.grad for one in model.parameters()), *averages))
    for one, other in zip(*results, strict=True):
        assert torch.isfinite(one).all()
        assert torch.equal(one, other)


@pytest.mark.parametrize("name", OVER_TIME)
def test_maps_without_times_are_refused(name, make):
    with pytest.raises(
        ValueError, match=r"expected features of shape \(batch, time, pixel, channel"
    ):
        make(name)(torch.zeros(3, 192, 2))
