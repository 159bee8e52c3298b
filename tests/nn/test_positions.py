import copy

import numpy as np
import pytest
import torch
from torch import nn

from deepsphere.errors import DeepsphereError
from deepsphere.nn.positions import CoordinatePositions, LearnedPositions, positional_embedding
from deepsphere.samplings.fibonacci import Fibonacci

POSITIONS = Fibonacci(12).positions


@pytest.fixture(autouse=True)
def same_weights():
    """Start layers as always."""
    torch.manual_seed(0)


def draw(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_a_learned_vector_is_added_to_each_pixel():
    layer = LearnedPositions(12, 5)
    features = draw(3, 12, 5)
    for sample, result in zip(features, layer(features), strict=True):
        assert torch.equal(result, sample + layer.embedding)
    assert set(layer.state_dict()) == {"embedding"}
    assert repr(layer) == "LearnedPositions(12, 5)"


def test_learned_vectors_start_with_the_published_deviation():
    """The deviation of 10^5 numbers is known to 1 / sqrt(2e5), 0.2 %."""
    embedding = LearnedPositions(1000, 100).embedding
    assert embedding.std().item() == pytest.approx(0.02, rel=0.01)


def test_coordinates_give_a_function_of_the_place_alone():
    """In another order, and on another sampling with the same weights, a place has one vector."""
    layer = CoordinatePositions(POSITIONS, 5)
    order = np.array([3, 11, 0])
    other = CoordinatePositions(POSITIONS[order], 5)
    other.load_state_dict(layer.state_dict(), strict=True)
    vectors = layer(torch.zeros(1, 12, 5))[0]
    torch.testing.assert_close(other(torch.zeros(1, 3, 5))[0], vectors[order])
    assert torch.cdist(vectors, vectors).fill_diagonal_(1).min() > 1e-3
    places = torch.from_numpy(POSITIONS.astype(np.float32))
    torch.testing.assert_close(vectors, layer.function(places))
    features = draw(3, 12, 5)
    assert torch.equal(layer(features), features + vectors)


def test_coordinates_can_be_learned_from():
    """The function can be made to give a product of coordinates, which no linear one is near."""
    positions = Fibonacci(200).positions
    layer = CoordinatePositions(positions, 16)
    target = torch.from_numpy(positions[:, 0] * positions[:, 1]).float()
    optimizer = torch.optim.Adam(layer.parameters(), 0.05)
    for _ in range(100):
        optimizer.zero_grad()
        loss = (layer(torch.zeros(1, 200, 16))[0, :, 0] - target).square().mean()
        loss.backward()
        optimizer.step()
    assert loss < 0.05 * target.var()


def test_coordinates_are_copied_and_no_part_of_the_state():
    positions = POSITIONS.copy()
    layer = CoordinatePositions(positions, 5)
    positions[:] = 0
    np.testing.assert_array_equal(layer.positions, POSITIONS.astype(np.float32))
    assert "positions" not in layer.state_dict()
    assert torch.equal(copy.deepcopy(layer).positions, layer.positions)
    assert layer.double()(draw(1, 12, 5).double()).dtype == torch.float64


def test_an_embedding_has_a_name():
    assert isinstance(positional_embedding("none", 12, 5), nn.Identity)
    learned = positional_embedding("learned", 12, 5)
    assert isinstance(learned, LearnedPositions)
    assert learned.embedding.shape == (12, 5)
    coordinates = positional_embedding("coordinates", 12, 5, POSITIONS)
    assert isinstance(coordinates, CoordinatePositions)
    assert coordinates(torch.zeros(2, 12, 5)).shape == (2, 12, 5)


def test_other_names_and_missing_positions_are_refused():
    with pytest.raises(ValueError, match="found 'sines'"):
        positional_embedding("sines", 12, 5)
    with pytest.raises(ValueError, match="positions of 12 pixels for coordinates, found none"):
        positional_embedding("coordinates", 12, 5)
    with pytest.raises(ValueError, match="positions of 12 pixels for coordinates, found 3"):
        positional_embedding("coordinates", 12, 5, POSITIONS[:3])
    with pytest.raises(DeepsphereError, match="unit vectors"):
        positional_embedding("coordinates", 12, 5, 2 * POSITIONS)


@pytest.mark.parametrize("kind", ["learned", "coordinates"])
@pytest.mark.parametrize("shape", [(2, 12, 1), (2, 1, 5), (12, 5)])
def test_features_of_another_shape_are_refused(kind, shape):
    layer = positional_embedding(kind, 12, 5, POSITIONS)
    with pytest.raises(ValueError, match=r"expected features of shape \(batch, 12, 5\), found"):
        layer(torch.zeros(shape))


def test_coordinates_keep_their_digits_in_half_precision():
    layer = CoordinatePositions(POSITIONS, 5)
    expected = layer.positions.clone()
    result = layer.bfloat16()(torch.zeros(1, 12, 5, dtype=torch.bfloat16))
    assert result.dtype == torch.bfloat16
    assert torch.equal(layer.float().positions, expected)
