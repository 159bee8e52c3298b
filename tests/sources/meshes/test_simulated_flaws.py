"""Each flaw does what it says, to the share of meshes that it is stated for."""

from dataclasses import replace

import numpy as np
import pytest
import trimesh

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.simulated_flaws import NONE, Flaws, flawed
from deepsphere.sources.meshes.simulated_parts import box, revolved
from deepsphere.sources.meshes.simulated_surfaces import TRIANGLE, Shape, joined

SEEDS = range(10)


def shape() -> Shape:
    vase = revolved(np.array([[0, 0], [1, 0], [0.5, 1], [1, 2], [0, 2]]), 16)
    return joined([vase, box((1, 1, 3)), box((3, 1, 1))])


def with_flaw(name: str, seed: int) -> Shape:
    return flawed(shape(), replace(NONE, **{name: 1.0}), np.random.default_rng(seed))


def judged(surface: Shape) -> trimesh.Trimesh:
    return trimesh.Trimesh(surface.vertices, surface.triangles(), process=False)


def test_without_flaws_nothing_changes() -> None:
    same = flawed(shape(), NONE, np.random.default_rng(0))
    assert np.array_equal(same.vertices, shape().vertices)
    assert np.array_equal(same.faces, shape().faces)


def test_fine() -> None:
    fine = with_flaw("fine", 0)
    assert 4000 <= len(fine.faces) < 16_000
    assert judged(fine).volume == pytest.approx(judged(shape()).volume)


@pytest.mark.parametrize("seed", SEEDS)
def test_holes(seed: int) -> None:
    holed = with_flaw("holes", seed)
    missing = len(shape().faces) - len(holed.faces)
    assert 1 <= missing <= max(1, round(0.05 * len(shape().faces)))
    assert not judged(holed).is_watertight
    assert len(holed.parts) == len(holed.faces)


def test_flipped_wholly_or_here_and_there() -> None:
    """Whole parts stay wound alike, single faces do not; faces are the same but for the winding."""
    alike = []
    for seed in SEEDS:
        flipped = with_flaw("flipped", seed)
        assert np.array_equal(np.sort(flipped.faces, axis=1), np.sort(shape().faces, axis=1))
        alike.append(judged(flipped).is_winding_consistent)
    assert {True, False} == set(alike)
    assert any(judged(with_flaw("flipped", seed)).volume < 0 for seed in range(40))


def test_doubled_vertices_stand_where_they_stood() -> None:
    counts = set()
    for seed in SEEDS:
        doubled = with_flaw("doubled_vertices", seed)
        corners = [surface.vertices[surface.triangles()] for surface in (doubled, shape())]
        assert np.array_equal(corners[0], corners[1])
        assert len(doubled.vertices) > len(shape().vertices)
        assert not judged(doubled).is_watertight
        counts.add(len(np.unique(doubled.triangles())))
    corners_of_all_faces = int((shape().faces >= 0).sum())
    assert min(counts) < max(counts) == corners_of_all_faces


@pytest.mark.parametrize("seed", SEEDS)
def test_stray_vertices_are_of_no_face(seed: int) -> None:
    strays = with_flaw("stray_vertices", seed)
    assert 1 <= len(strays.vertices) - len(shape().vertices) < 20
    assert np.array_equal(strays.faces, shape().faces)


def test_flat_faces_have_no_area_or_are_there_twice() -> None:
    """Of 76 faces one in twenty is there again: one as a line, one as a point, one as it was."""
    flat = with_flaw("flat_faces", 0)
    count = len(shape().faces)
    assert count == 76
    assert len(flat.faces) == len(flat.parts) == count + 3
    line, point, copy = flat.faces[count:]
    assert len(np.unique(line[:3])) == 2
    assert len(np.unique(point[:3])) == 1
    assert line[3] == point[3] == TRIANGLE
    assert tuple(copy) in {tuple(face) for face in shape().faces}
    assert int((judged(flat).area_faces == 0).sum()) == 2


def test_astray_is_a_shift_and_a_unit() -> None:
    """Ratios of lengths stay: the mesh is the same after it is centred and scaled."""
    sizes, distances = [], []
    for seed in range(30):
        astray = with_flaw("astray", seed)
        size = np.ptp(astray.vertices, axis=0)
        regular = np.ptp(shape().vertices, axis=0)
        assert size / size.max() == pytest.approx(regular / regular.max())
        sizes.append(size.max() / regular.max())
        distances.append(np.linalg.norm(astray.vertices.mean(axis=0)) / size.max())
    assert 0.01 < min(sizes) < 0.1
    assert 100 < max(sizes) < 1000
    assert max(distances) > 2


def test_shares_are_those_stated() -> None:
    """In 400 meshes a share of 0.25 is met within 4 standard deviations, 0.087."""
    count = 400
    flaws = replace(NONE, holes=0.25)
    holed = [
        len(flawed(shape(), flaws, np.random.default_rng(seed)).faces) < len(shape().faces)
        for seed in range(count)
    ]
    assert np.mean(holed) == pytest.approx(0.25, abs=0.087)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_are_checked(share: float) -> None:
    with pytest.raises(DeepsphereError, match=r"share .* of the flaw holes; give 0 to 1"):
        Flaws(holes=share)
