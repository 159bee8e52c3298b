import functools

import numpy as np
import pytest
import torch
from torch.nn import functional

from deepsphere.graphs.recipe import Recipe
from deepsphere.nn.building import build_graph_hierarchy
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.masked import Masked
from deepsphere.samplings.stations import Stations

PLAIN = Recipe(6, refinement=0)
SHREC = Recipe("adjacent", width="mean-square", refinement=0, laplacian="normalized")


def scattered_stations(count):
    longitudes = np.random.default_rng(0).uniform(-180, 180, count)
    latitudes = np.degrees(np.arcsin(np.random.default_rng(1).uniform(-1, 1, count)))
    return Stations(longitudes, latitudes)


SAMPLINGS = {
    "tiny": (Healpix(2), 2, SHREC),
    "healpix": (Healpix(4), 3, SHREC),
    "healpix, default graph": (Healpix(4), 3, None),
    "icosahedral": (Icosahedral(2), 3, PLAIN),
    "equiangular": (Equiangular(8, 16), 3, PLAIN),
    # Pixels 5 to 89 of 768: the first and the last of their parents are padded.
    "partial": (Masked(Healpix(8), np.arange(5, 90)), 3, PLAIN),
    "stations": (scattered_stations(80), 2, PLAIN),
    "published healpix": (Healpix(32), 6, SHREC),
    "published icosahedral": (Icosahedral(5), 6, PLAIN),
}


@functools.cache
def build(name, dtype):
    sampling, levels, recipe = SAMPLINGS[name]
    return build_graph_hierarchy(sampling, levels, recipe, dtype=dtype)


@pytest.fixture(scope="session")
def hierarchy_on():
    """Return a function that gives the hierarchy on a sampling of a name, see ``SAMPLINGS``."""
    return lambda name, dtype=torch.float32: build(name, dtype)


@pytest.fixture(params=["healpix", "icosahedral", "equiangular", "partial", "stations"])
def hierarchy(request):
    """Return small hierarchies of every kind, of 3 levels, but for 2 of stations."""
    return build(request.param, torch.float32)


@pytest.fixture(scope="session")
def hierarchy_of():
    """Return a function that makes a hierarchy of one level from a rescaled Laplacian."""

    def make(matrix, dtype=torch.float32, areas=None, known=None):
        pixels = matrix.shape[0]
        return GraphHierarchy(
            operators=(SymmetricOperator(matrix, dtype),),
            maps=(),
            positions=(np.zeros((pixels, 3)),),
            areas=(np.ones(pixels) if areas is None else areas,),
            known=(known,),
        )

    return make


@pytest.fixture
def without_weights(monkeypatch):
    """Leave out the drawing of weights, which takes most of the time that large networks take."""
    monkeypatch.setattr("deepsphere.nn.chebyshev.initialize", lambda *_: None)


@pytest.fixture(scope="session")
def count():
    """Return the function that counts parameters."""
    return lambda model: sum(parameter.numel() for parameter in model.parameters())


@pytest.fixture(scope="session")
def draw():
    """Return a function that draws features."""

    def normal(*shape, seed=0, dtype=torch.float32):
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(*shape, dtype=torch.float64, generator=generator).to(dtype)

    return normal


@pytest.fixture(scope="session")
def overfit():
    """Return a function that trains on one batch, and gives the loss before and after."""

    def train(model, features, target, steps=60, learning_rate=0.02):
        loss = functional.mse_loss if target.is_floating_point() else cross_entropy
        optimizer = torch.optim.Adam(model.parameters(), learning_rate)
        losses = []
        for _ in range(steps):
            optimizer.zero_grad()
            losses.append(loss(model(features), target))
            losses[-1].backward()
            optimizer.step()
        return losses[0].item(), losses[-1].item()

    return train


def cross_entropy(logits, classes):
    return functional.cross_entropy(logits.flatten(0, -2), classes.flatten())


@pytest.fixture(scope="session")
def assert_exportable():
    """Return a check that an exported model computes the same, for any batch."""

    def check(model, features):
        model.eval()
        shapes = ({0: torch.export.Dim("batch", min=1)},)
        program = torch.export.export(model, (features,), dynamic_shapes=shapes).module()
        for batch in (1, len(features), 2 * len(features) + 1):
            given = features[:1].repeat(batch, *[1] * (features.ndim - 1)) + 0.1
            torch.testing.assert_close(program(given), model(given), rtol=1e-6, atol=1e-6)

    return check


@pytest.fixture(scope="session")
def assert_state_returns():
    """Return a check that a model's state loads into another one, which then computes the same."""

    def check(make, features):
        torch.manual_seed(0)
        model = make()
        model(features)
        torch.manual_seed(1)
        other = make()
        model.eval()
        other.eval()
        assert not torch.equal(other(features), model(features))
        other.load_state_dict(model.state_dict(), strict=True)
        assert torch.equal(other(features), model(features))
        names = {name.rsplit(".", 1)[-1] for name in model.state_dict()}
        assert names <= {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}

    return check
