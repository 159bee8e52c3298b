"""One mesh becomes the signals of its copies: the right ones, and the same ones every time."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.mesh import Mesh, cleaned, normalized
from deepsphere.regridding.motions import Motion, random_motion
from deepsphere.regridding.projection import project
from deepsphere.samplings.healpix import parse
from deepsphere.sources.meshes.entries import Entry
from deepsphere.sources.meshes.recipe import Recipe
from deepsphere.sources.meshes.settings import Store

BOX = """OFF
8 6 0
0 0 0
3 0 0
3 2 0
0 2 0
0 0 1
3 0 1
3 2 1
0 2 1
4 3 2 1 0
4 4 5 6 7
4 0 1 5 4
4 1 2 6 5
4 2 3 7 6
4 3 0 4 7
"""


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "boxes.zip", "w") as archive:
        archive.writestr("box.off", BOX)
        archive.writestr("empty.off", "")
    return tmp_path


def entry(name: str = "box") -> Entry:
    return Entry(name, "boxes.zip", f"{name}.off", len(BOX), "box", None, "train")


def recipe(raw: Path, up: Any = "z", turning: int | None = None, **settings: Any) -> Recipe:
    copies = {"still": {}, "turned": {"rotation": "so3", "translation": 0.1, "count": 2}}
    values = {"kind": "meshes", "source": "mine", "sampling": "healpix:8", "copies": copies}
    return Recipe(raw, "meshes", Store.model_validate({**values, **settings}), up, turning)


def signals(*motions: Motion, turn: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
    """Project the box as it is, after a turn and after motions."""
    corners = np.array([[x, y, z] for z in (0, 1) for y in (0, 2) for x in (0, 3)], float)
    quads = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [1, 3, 7, 5], [3, 2, 6, 7], [2, 0, 4, 6]]
    faces = np.array([[a, b, c] for q in quads for a, b, c in (q[:3], [q[0], *q[2:]])])
    if turn is not None:
        corners = corners @ turn.T
    mesh = normalized(cleaned(Mesh(corners, faces)))
    return project(mesh, parse("8").positions, motions)


STILL = Motion(np.eye(3), np.zeros(3))


def test_copies_come_set_after_set(raw: Path) -> None:
    found = recipe(raw)(entry())
    assert found.shape == (3, 768, 6)
    assert found.dtype == np.float32
    motions = [random_motion("so3", 0.1, (0, "meshes", "box", "turned", copy)) for copy in (0, 1)]
    # The diagonals of the quads may be others, which float32 rays can tell apart.
    np.testing.assert_allclose(found, signals(STILL, *motions), atol=1e-5)


def test_a_box_has_the_distances_of_a_box(raw: Path) -> None:
    """A ray along g leaves a box of half sides h at 1 / max(|g| / h); its half diagonal is 0.99."""
    found = recipe(raw, copies={"still": {}})(entry())
    half = 0.99 * np.array([3, 2, 1]) / np.sqrt(14)
    reach = 1 / (np.abs(parse("8").positions) / half).max(axis=1)
    np.testing.assert_allclose(found[0, :, [0, 3]], [1 - reach, 1 - reach], atol=3e-6)


def test_the_seed_the_set_and_the_number_make_the_copy(raw: Path) -> None:
    first = recipe(raw)(entry())
    np.testing.assert_array_equal(recipe(raw)(entry()), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(recipe(raw)))(entry()), first)
    more = {"turned": {"rotation": "so3", "translation": 0.1, "count": 3}}
    np.testing.assert_array_equal(recipe(raw, copies=more)(entry())[:2], first[1:])
    other = {"again": {"rotation": "so3", "translation": 0.1, "count": 2}}
    assert not np.allclose(recipe(raw, copies=other)(entry()), first[1:], atol=0.01)
    assert not np.allclose(recipe(raw, seed=1)(entry())[1:], first[1:], atol=0.01)
    assert not np.allclose(first[1], first[2], atol=0.01)


def test_a_mesh_can_be_turned_before_it_is_copied(raw: Path) -> None:
    """Its seed is that of the source: the store's has nothing to do with it."""
    turn = random_motion("so3", 0.0, (7, "meshes", "box", "")).rotation
    found = recipe(raw, turning=7, copies={"still": {}}, seed=1)(entry())
    np.testing.assert_allclose(found, signals(STILL, turn=turn), atol=2e-5)


def test_what_has_y_upwards_is_made_upright(raw: Path) -> None:
    """The box of sides 3, 2, 1 then stands on 3 x 1 and is 2 high, in copies about z too."""
    found = recipe(raw, up="y", copies={"still": {}})(entry())
    half = 0.99 * np.array([3, 1, 2]) / np.sqrt(14)
    reach = 1 / (np.abs(parse("8").positions) / half).max(axis=1)
    np.testing.assert_allclose(found[0, :, 0], 1 - reach, atol=3e-6)
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    assert (turn @ [0, 1, 0]).tolist() == [0, 0, 1]
    about = random_motion("z", 0.0, (0, "meshes", "box", "about", 0))
    found = recipe(raw, up="y", copies={"about": {"rotation": "z"}})(entry())
    np.testing.assert_allclose(found, signals(about, turn=turn), atol=2e-5)


def test_channels_and_their_options(raw: Path) -> None:
    whole = recipe(raw, copies={"still": {}})(entry())
    part = recipe(raw, copies={"still": {}}, channels=["hull-sine", "distance"])(entry())
    np.testing.assert_array_equal(part, whole[..., [5, 0]])


def test_a_broken_file_is_an_error_of_its_data(raw: Path) -> None:
    with pytest.raises(DeepsphereError, match=r"^empty\.off: "):
        recipe(raw)(entry("empty"))
    with pytest.raises(DeepsphereError, match=r"^boxes\.zip holds no gone\.off"):
        recipe(raw)(entry("gone"))
    loose = Entry("gone", ".", "gone.off", 1, "box", None, "train")
    with pytest.raises(DeepsphereError, match=r"^the folder of loose meshes holds no gone\.off"):
        recipe(raw)(loose)
