from dataclasses import FrozenInstanceError

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.recipe import Recipe


def test_recipes_can_be_compared_and_hashed():
    assert Recipe() == Recipe(neighbours=20, weights="gaussian", laplacian="combinatorial")
    assert len({Recipe(), Recipe(20), Recipe(8), Recipe(8, areas=False)}) == 3


def test_recipes_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Recipe().neighbours = 8


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"weights": "heat"}, "weights .* gaussian, unweighted, .* cotangent; found 'heat'"),
        ({"symmetrization": "max"}, "symmetrization .* union, average; found 'max'"),
        ({"laplacian": "random-walk"}, "combinatorial, normalized; found 'random-walk'"),
        ({"width": "optimal"}, "width .* formula, search, .* found 'optimal'"),
        ({"width": 0.0}, "width must be positive and finite; found 0.0"),
        ({"width": -0.1}, "width must be positive and finite; found -0.1"),
        ({"width": float("nan")}, "width must be positive and finite; found nan"),
        ({"width": float("inf")}, "width must be positive and finite; found inf"),
        ({"neighbours": "nearest"}, "whole number from 1 or 'adjacent'; found 'nearest'"),
        ({"neighbours": 0}, "whole number from 1 or 'adjacent'; found 0"),
        ({"neighbours": 2.5}, "whole number from 1 or 'adjacent'; found 2.5"),
        ({"neighbours": True}, "whole number from 1 or 'adjacent'; found True"),
        ({"radius": 0.0}, r"in \(0, 2\]; found 0.0"),
        ({"radius": 2.5}, r"in \(0, 2\]; found 2.5"),
        ({"radius": float("nan")}, r"in \(0, 2\]; found nan"),
        ({"refinement": -1}, "whole number of steps from 0; found -1"),
        ({"refinement": 1.5}, "whole number of steps from 0; found 1.5"),
        ({"areas": True, "laplacian": "normalized"}, "for the combinatorial Laplacian"),
        ({"refinement": 3, "laplacian": "normalized"}, "for the combinatorial Laplacian"),
    ],
)
def test_what_does_not_go_together_is_refused(parts, message):
    with pytest.raises(DeepsphereError, match=message):
        Recipe(**parts)


@pytest.mark.parametrize(
    "parts",
    [
        {"neighbours": "adjacent", "weights": "inverse-square"},
        {"radius": 0.1, "weights": "unweighted", "symmetrization": "average"},
        {"weights": "cotangent"},
        {"width": 0.05},
        {"width": "search", "laplacian": "normalized"},
        {"areas": False, "refinement": 0, "laplacian": "normalized"},
    ],
)
def test_what_goes_together_is_taken(parts):
    recipe = Recipe(**parts)
    assert {name: getattr(recipe, name) for name in parts} == parts
