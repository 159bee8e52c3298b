"""Meshes of any format, by the ends of their names."""

import numpy as np
import pytest
import trimesh

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.reading import MESH_SUFFIXES, is_mesh, read_mesh

_BALL = trimesh.creation.icosphere(subdivisions=1)


def _export(suffix: str) -> bytes:
    content = _BALL.export(file_type=suffix[1:])
    return content if isinstance(content, bytes) else content.encode()


@pytest.mark.parametrize("suffix", MESH_SUFFIXES)
def test_every_format_gives_the_same_surface(suffix: str) -> None:
    mesh = read_mesh(f"a/b.c{suffix.upper()}", _export(suffix))
    corners = mesh.vertices[mesh.faces]
    # STL and GLB hold numbers of single precision.
    np.testing.assert_allclose(corners, _BALL.vertices[_BALL.faces], rtol=0, atol=1e-7)


def test_parts_of_a_scene_come_together() -> None:
    scene = trimesh.Scene([_BALL, _BALL.copy().apply_translation([5, 0, 0])])
    mesh = read_mesh("two.glb", scene.export(file_type="glb"))
    assert mesh.faces.shape == (160, 3)
    np.testing.assert_allclose(np.ptp(mesh.vertices, axis=0), [7, 2, 2], atol=0.2)


@pytest.mark.parametrize(
    ("suffix", "damage"),
    [
        (suffix, damage)
        for suffix in MESH_SUFFIXES
        for damage in ("empty", "head", "page", "short")
        # An OBJ does not say how much it holds.
        if (suffix, damage) not in ((".obj", "head"), (".obj", "short"))
    ],
)
def test_damaged_files_are_refused_with_their_name(suffix: str, damage: str) -> None:
    whole = _export(suffix)
    content = {"empty": b"", "head": whole[:60], "page": b"<html></html>", "short": whole[:-40]}
    with pytest.raises(DeepsphereError) as caught:
        read_mesh("x/y" + suffix, content[damage])
    assert str(caught.value).startswith(f"x/y{suffix}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".ply", ".stl", ".glb"])
def test_changed_bytes_are_read_or_refused(suffix: str) -> None:
    rng = np.random.default_rng(3)
    whole = np.frombuffer(_export(suffix), np.uint8)
    for _ in range(200):
        changed = whole.copy()
        places = rng.integers(0, rng.choice([400, len(whole)]), 4)
        changed[places] = rng.integers(0, 256, 4)
        try:
            mesh = read_mesh("a" + suffix, changed.tobytes())
        except DeepsphereError:
            continue
        assert mesh.faces.max() < len(mesh.vertices)


def test_other_names_are_no_meshes() -> None:
    assert is_mesh("a/B.OFF")
    assert not is_mesh("a.off.txt")
    with pytest.raises(DeepsphereError, match=r"a\.fbx: not a mesh; known are \.off, \.obj"):
        read_mesh("a.fbx", b"")
