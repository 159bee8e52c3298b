"""What PyTorch's compiler and exporter make of the convolution, and what is made for it once."""

import subprocess
import sys
import textwrap
from collections import Counter

import numpy as np
import pytest
import torch

from deepsphere.nn.chebyshev import ChebConv
from deepsphere.nn.kernels import plans
from deepsphere.nn.operator import SymmetricOperator

# PyTorch's own compiler still uses what it warns of.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated")

PIXELS = 12
MASS = np.geomspace(0.1, 10, PIXELS)[np.random.default_rng(0).permutation(PIXELS)]


@pytest.fixture(autouse=True)
def start_anew():
    """Compile and draw weights anew."""
    torch.manual_seed(0)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture
def cuts(monkeypatch):
    """Return a count of the cuts of a graph into tiles, by how far and how large these are."""
    found = Counter()
    cut = plans.cut

    def count(*arguments):
        found[tuple(value for value in arguments if isinstance(value, int))] += 1
        return cut(*arguments)

    monkeypatch.setattr(plans, "cut", count)
    return found


def draw(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator)


def make_network(laplacian):
    return torch.nn.Sequential(
        ChebConv(3, 4, 3, laplacian, bias=True), torch.nn.ReLU(), ChebConv(4, 2, 3, laplacian)
    )


def value_and_gradients(function, network, features):
    features = features.clone().requires_grad_()
    result = function(features)
    number = result.float().sin().sum()
    return result.detach(), *torch.autograd.grad(number, [features, *network.parameters()])


def assert_equal(found, expected):
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


class Backend:
    """Runs graphs as they are, after they were differentiated, and keeps them."""

    def __init__(self):
        self.graphs = []

    def __call__(self, graph, example):
        self.graphs.append(graph)
        return torch._dynamo.lookup_backend("aot_eager")(graph, example)


@pytest.mark.parametrize("mass", [None, MASS], ids=["even", "masses"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"bias": True, "basis": "bernstein"}, {"groups": 2}],
    ids=str,
)
def test_a_compiled_layer_is_one_graph_and_gives_the_same(rescaled_laplacian, settings, mass):
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), mass=mass)
    layer = ChebConv(4, 6, kernel_size=5, laplacian=laplacian, **settings)
    features = draw(2, PIXELS, 4)
    backend = Backend()
    fast = torch.compile(layer, backend=backend, fullgraph=True)
    found = value_and_gradients(fast, layer, features)
    assert_equal(found, value_and_gradients(layer, layer, features))
    (graph,) = backend.graphs
    ours = [node.target for node in graph.graph.nodes if "deepsphere" in str(node.target)]
    assert [operator.name() for operator in ours] == ["deepsphere::convolve"]


def test_a_network_has_no_graph_breaks(rescaled_laplacian):
    network = make_network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    explanation = torch._dynamo.explain(network)(draw(2, PIXELS, 3))
    assert explanation.graph_count == 1
    assert explanation.graph_break_count == 0


def test_a_compiled_network_takes_any_batch_and_cuts_the_graph_once(rescaled_laplacian, cuts):
    """PyTorch compiles for the first size, then for all; the tiles are there from the first on."""
    network = make_network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    backend = Backend()
    fast = torch.compile(network, backend=backend, fullgraph=True)
    for batch in (2, 3, 5, 7, 2, 3):
        features = draw(batch, PIXELS, 3, seed=batch)
        found = value_and_gradients(fast, network, features)
        assert_equal(found, value_and_gradients(network, network, features))
    assert len(backend.graphs) == 2
    assert set(cuts.values()) == {1}


def test_a_batch_may_be_compiled_as_of_any_size_at_once(rescaled_laplacian, cuts):
    network = make_network(SymmetricOperator(rescaled_laplacian(PIXELS)))
    backend = Backend()
    fast = torch.compile(network, backend=backend, fullgraph=True, dynamic=True)
    for batch in (2, 5, 3000):
        features = draw(batch, PIXELS, 3, seed=batch)
        found = value_and_gradients(fast, network, features)
        assert_equal(found, value_and_gradients(network, network, features))
    assert len(backend.graphs) == 1
    assert set(cuts.values()) == {1}


def test_a_compiled_network_learns_under_autocast(rescaled_laplacian):
    network = make_network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    features = draw(2, PIXELS, 3)
    fast = torch.compile(network, backend="aot_eager", fullgraph=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = value_and_gradients(fast, network, features)
        expected = value_and_gradients(network, network, features)
    assert found[0].dtype == torch.bfloat16
    assert_equal(found, expected)


def test_a_whole_step_can_be_compiled(rescaled_laplacian, cuts):
    """The optimizer changes the weights; the tiles are of the graph, and stay."""
    network = make_network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    optimizer = torch.optim.SGD(network.parameters(), 0.01)
    features = draw(2, PIXELS, 3)

    @torch.compile(backend="aot_eager")
    def step():
        optimizer.zero_grad()
        loss = network(features).square().mean()
        loss.backward()
        optimizer.step()
        return loss.detach()

    losses = torch.stack([step() for _ in range(4)])
    assert (losses.diff() < 0).all()
    assert set(cuts.values()) == {1}


def test_the_graph_is_cut_once_for_all_layers_and_steps(rescaled_laplacian, cuts):
    network = make_network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    for step in range(3):
        value_and_gradients(network, network, draw(2, PIXELS, 3, seed=step))
    assert set(cuts.values()) == {1}


def test_the_graph_is_not_cut_again_where_the_same_numbers_are_written_to_it(
    rescaled_laplacian, cuts
):
    """The first time one cannot tell whether they are the same; then a copy tells."""
    laplacian = SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS)
    network = make_network(laplacian)
    features = draw(2, PIXELS, 3)
    expected = value_and_gradients(network, network, features)
    for _ in range(4):
        for buffer in laplacian.buffers():
            buffer.copy_(buffer.clone())
        assert_equal(value_and_gradients(network, network, features), expected)
    assert 1 <= max(cuts.values()) <= 2


@pytest.mark.parametrize("name", ["values", "root_mass"])
@pytest.mark.parametrize("compile_it", [False, True])
def test_other_numbers_that_are_written_to_an_operator_count(rescaled_laplacian, name, compile_it):
    """Half the values or the roots of other masses, as if the operator had been made with them."""
    matrix = rescaled_laplacian(PIXELS)
    laplacian = SymmetricOperator(matrix, mass=MASS)
    network = make_network(laplacian)
    features = draw(2, PIXELS, 3)
    function = torch.compile(network, backend="aot_eager") if compile_it else network
    before = value_and_gradients(function, network, features)
    for turn in (1, 2):
        buffer = getattr(laplacian, name)
        buffer.copy_(buffer / 2 if name == "values" else buffer.flip(0))
        state, found = network.state_dict(), value_and_gradients(function, network, features)
        other = make_network(
            SymmetricOperator(
                matrix / 2**turn if name == "values" else matrix,
                mass=MASS[::-1] if name == "root_mass" and turn == 1 else MASS,
            )
        )
        other.load_state_dict(state)
        assert_equal(found, value_and_gradients(other, other, features))
        assert torch.equal(found[0], before[0]) == (name == "root_mass" and turn == 2)


def export(network, strict=False):
    """Return a program for any batch."""
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    features = draw(2, PIXELS, 3)
    return torch.export.export(network, (features,), dynamic_shapes=shapes, strict=strict)


def test_an_exported_network_runs_in_another_process(rescaled_laplacian, tmp_path):
    """It takes any batch."""
    network = make_network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    with torch.no_grad():
        network[0].bias.copy_(draw(4))
    torch.export.save(export(network), tmp_path / "network.pt2")
    given = [draw(batch, PIXELS, 3, seed=batch) for batch in (1, 5, 2000)]
    torch.save(given, tmp_path / "given.pt")
    script = """
        import torch

        import deepsphere.nn.convolution

        network = torch.export.load("network.pt2").module()
        torch.save([network(features) for features in torch.load("given.pt")], "found.pt")
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=tmp_path, check=True)
    assert_equal(torch.load(tmp_path / "found.pt"), [network(features) for features in given])


@pytest.mark.parametrize("strict", [False, True])
def test_an_exported_network_learns_and_cuts_the_graph_once(rescaled_laplacian, cuts, strict):
    network = make_network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    program = export(network, strict).module()
    for batch in (1, 3, 4):
        features = draw(batch, PIXELS, 3, seed=batch)
        found = value_and_gradients(program, program, features)
        assert_equal(found, value_and_gradients(network, network, features))
    assert set(cuts.values()) == {1}


def test_fake_tensors_go_through_it(rescaled_laplacian):
    """As memory estimates and sharding plans of PyTorch send them, without computing."""
    network = make_network(SymmetricOperator(rescaled_laplacian(PIXELS), mass=MASS))
    mode = torch._subclasses.FakeTensorMode(allow_non_fake_inputs=True)
    with mode:
        result = network(torch.empty(5, PIXELS, 3))
        result.sum().backward()
    assert result.shape == (5, PIXELS, 2)
    assert isinstance(result, torch._subclasses.FakeTensor)
    assert network[0].weight.grad.shape == network[0].weight.shape
