"""Deformations move vertices, refinement adds some; a closed surface stays closed."""

import numpy as np
import pytest
import trimesh

from deepsphere.sources.meshes.simulated_deformations import deformed, refined
from deepsphere.sources.meshes.simulated_parts import box, revolved
from deepsphere.sources.meshes.simulated_surfaces import Shape, joined, moved


def shape() -> Shape:
    """Return a shape of triangles and quadrilaterals, in two parts, off the origin."""
    vase = revolved(np.array([[0, 0], [1, 0], [0.5, 1], [1, 2], [0, 2]]), 8)
    return joined([moved(vase, (5, 0, 0)), box((1, 1, 3))])


def solid(surface: Shape) -> trimesh.Trimesh:
    mesh = trimesh.Trimesh(surface.vertices, surface.triangles(), process=False)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    return mesh


def test_refined_is_the_same_surface_in_smaller_faces() -> None:
    """Flat faces stay flat, so area and volume stay; vertices grow by edges and quadrilaterals."""
    coarse, fine = shape(), refined(shape())
    assert len(fine.faces) == 4 * len(coarse.faces)
    edges = (np.where(coarse.faces[:, 3] < 0, 3, 4)).sum() // 2
    quadrilaterals = int((coarse.faces[:, 3] >= 0).sum())
    assert len(fine.vertices) == len(coarse.vertices) + edges + quadrilaterals
    assert solid(fine).volume == pytest.approx(solid(coarse).volume)
    assert solid(fine).area == pytest.approx(solid(coarse).area)
    of_part = [np.bincount(surface.parts) for surface in (coarse, fine)]
    assert of_part[1].tolist() == (4 * of_part[0]).tolist()


@pytest.mark.parametrize("seed", range(12))
def test_deformed_keeps_faces_and_its_outside(seed: int) -> None:
    regular = refined(refined(shape()))
    changed = deformed(regular, np.random.default_rng(seed))
    assert np.array_equal(changed.faces, regular.faces)
    assert solid(changed).volume > 0
    assert 1 < np.ptp(changed.vertices, axis=0).max() < 6


def test_deformations_differ() -> None:
    """Each is drawn anew: lengths along the axes are never in the same relation."""
    lengths = [
        np.ptp(deformed(shape(), np.random.default_rng(seed)).vertices, axis=0)
        for seed in range(12)
    ]
    flatness = [float(length[2] / length[0]) for length in lengths]
    assert len({round(value, 6) for value in flatness}) == 12
    assert max(flatness) > 1.3 * min(flatness)
