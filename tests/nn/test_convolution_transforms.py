"""The convolution under ``torch.func`` and forward-mode differentiation."""

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad
from torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.convolution import chebyshev_convolution
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.nn.reference import chebyshev_convolution_reference

# An operator without a rule of its own would be called one by one too, with this warning.
pytestmark = [
    pytest.mark.filterwarnings("error:There is a performance drop"),
    # Some transforms of PyTorch still use what it warns of.
    pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated"),
]

PIXELS = 5
MASS = np.geomspace(0.1, 10, PIXELS)[np.random.default_rng(0).permutation(PIXELS)]


@pytest.fixture(autouse=True)
def same_weights():
    """Start layers as always."""
    torch.manual_seed(0)


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def given():
    return draw(2, PIXELS, 2), draw(3, 2, 1, seed=1) / 3


def stacked():
    return draw(4, 2, PIXELS, 2), draw(4, 3, 2, 1, seed=1) / 3


def number(convolve):
    return lambda features, weight: convolve(features, weight).sin().sum()


def of_one_sample(convolve):
    return lambda features, weight: number(convolve)(features[None], weight)


BOTH = (0, 1)

TRANSFORMS = {
    "grad": lambda convolve: grad(number(convolve), BOTH)(*given()),
    "grad of weight": lambda convolve: grad(number(convolve), 1)(*given()),
    "vjp": lambda convolve: vjp(convolve, *given())[1](draw(2, PIXELS, 1, seed=2)),
    "jvp": lambda convolve: jvp(
        convolve, given(), (draw(2, PIXELS, 2, seed=3), draw(3, 2, 1, seed=4))
    ),
    "jvp of weight": lambda convolve: jvp(
        lambda weight: convolve(given()[0], weight), given()[1:], given()[1:]
    ),
    "jacrev": lambda convolve: jacrev(convolve, BOTH)(*given()),
    "jacfwd": lambda convolve: jacfwd(convolve, BOTH)(*given()),
    "hessian": lambda convolve: hessian(number(convolve), BOTH)(*given()),
    "jacrev of jacrev": lambda convolve: jacrev(jacrev(number(convolve), BOTH), BOTH)(*given()),
    "jacrev of jacfwd": lambda convolve: jacrev(jacfwd(number(convolve), BOTH), BOTH)(*given()),
    "vmap of grad": lambda convolve: vmap(grad(number(convolve), BOTH))(*stacked()),
    "grad of vmap": lambda convolve: grad(
        lambda *arguments: vmap(number(convolve))(*arguments).sum(), BOTH
    )(*stacked()),
    "gradients of samples": lambda convolve: vmap(grad(of_one_sample(convolve), 1), (0, None))(
        *given()
    ),
}


@pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])
@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_what_becomes_of_it_is_what_becomes_of_the_reference(rescaled_laplacian, mass, transform):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, mass)

    def transformed(convolution):
        results = transform(lambda features, weight: convolution(features, weight, laplacian))
        return torch.utils._pytree.tree_leaves(results)

    found = transformed(chebyshev_convolution)
    expected = transformed(chebyshev_convolution_reference)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-11 * other.abs().max().item())


@pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])
def test_forward_derivatives_are_those_of_finite_differences(rescaled_laplacian, mass):
    mass = None if mass is None else mass[:4]
    laplacian = SymmetricOperator(rescaled_laplacian(4), torch.float64, mass)
    features, weight = draw(1, 4, 2).requires_grad_(), draw(3, 2, 1, seed=1).requires_grad_()

    def convolve(features, weight):
        return chebyshev_convolution(features, weight, laplacian)

    arguments = (convolve, (features, weight))
    assert torch.autograd.gradcheck(
        *arguments, check_forward_ad=True, check_batched_forward_grad=True, check_batched_grad=True
    )
    assert torch.autograd.gradgradcheck(
        *arguments, check_fwd_over_rev=True, check_rev_over_rev=True
    )


def test_a_tangent_goes_through_a_layer(rescaled_laplacian):
    """The layer is linear but for its bias, so the tangent is the layer of the tangent."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), torch.float64, MASS)
    layer = ChebConv(3, 2, 4, laplacian, bias=True).double()
    features, change = draw(2, PIXELS, 3), draw(2, PIXELS, 3, seed=1)
    with forward_ad.dual_level():
        result = layer(forward_ad.make_dual(features, change))
        tangent = forward_ad.unpack_dual(result).tangent
    expected = layer(change) - layer(torch.zeros_like(change))
    torch.testing.assert_close(tangent, expected, rtol=0, atol=1e-12)


def test_networks_on_different_graphs_can_be_mapped_over_as_one(rescaled_laplacian):
    """All operators have as many pixels and entries, which is what it takes to stack them."""
    matrix = rescaled_laplacian(PIXELS)
    networks = [
        ChebConv(3, 2, 4, SymmetricOperator(matrix * scale, torch.float64, MASS)).double()
        for scale in (1, 0.5, 0.2)
    ]
    features = draw(2, PIXELS, 3)
    parameters, buffers = torch.func.stack_module_state(networks)

    def learn(parameters, buffers):
        result = torch.func.functional_call(networks[0], (parameters, buffers), features)
        return result.square().mean()

    found = vmap(grad(learn))(parameters, buffers)["weight"]
    for network, gradient in zip(networks, found, strict=True):
        loss = network(features).square().mean()
        (expected,) = torch.autograd.grad(loss, network.weight)
        torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-12)
