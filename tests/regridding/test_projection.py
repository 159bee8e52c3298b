import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.spatial import ConvexHull, cKDTree

from deepsphere.errors import DeepsphereError
from deepsphere.regridding import projection as module
from deepsphere.regridding.mesh import Mesh, cleaned, normalized
from deepsphere.regridding.mesh_channels import CHANNELS
from deepsphere.regridding.motions import Motion, random_motion
from deepsphere.regridding.projection import project
from deepsphere.regridding.rays import RayTarget
from deepsphere.regridding.triangles import area_vectors, unit
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix

# Errors of Embree's float32 in a distance; for features that steep faces make larger, ten times it.
_FLOAT32 = 2e-6
_AWKWARD = st.integers(-2, 2).map(float) | st.sampled_from([1e-9, 1e30, -1e308, np.nan, np.inf])
_STILL = Motion(np.eye(3), np.zeros(3))


def _mesh(shape):
    mesh = Mesh(np.array(shape.vertices), np.array(shape.faces, dtype=np.int64))
    return normalized(cleaned(mesh))


def _soup(seed, faces=150):
    random = np.random.default_rng(seed)
    corners = random.uniform(-1, 1, (faces, 1, 3)) + random.normal(0, 0.3, (faces, 3, 3))
    return normalized(Mesh(corners.reshape(-1, 3), np.arange(3 * faces).reshape(-1, 3)))


def _motions(count, translation=0.1):
    return [random_motion("so3", translation, ("projection", number)) for number in range(count)]


@pytest.mark.parametrize(
    ("shape", "means"),
    [
        (trimesh.creation.box(), (0.30184, 0.83114, 0.51819) * 2),
        (trimesh.creation.box((2, 1, 0.5)), (0.54678, 0.72055, 0.61646) * 2),
        (
            trimesh.creation.torus(1, 0.25, 64, 32),
            (0.77388, 0.19108, 0.11865, 0.49102, 0.66238, 0.66681),
        ),
        (trimesh.creation.icosphere(5), (0.01018, 0.99994, 0.01039) * 2),
    ],
    ids=["cube", "box", "torus", "sphere"],
)
def test_means_of_known_shapes(shape, means):
    """Means at nside 32 of a projection by trimesh and Embree, which were given to five digits.

    Half a unit of the last of these is allowed, and float32's error.
    """
    signal = project(_mesh(shape), Healpix(32).positions, [_STILL])[0]
    np.testing.assert_allclose(
        signal.mean(axis=0, dtype=np.float64), means, rtol=0, atol=0.5e-5 + _FLOAT32
    )


def test_ranges_of_known_shapes():
    positions = Healpix(32).positions
    box = project(_mesh(trimesh.creation.box((2, 1, 0.5))), positions, [_STILL])[0, :, 0]
    np.testing.assert_allclose([box.min(), box.max()], [0.0175, 0.7839], atol=0.5e-4)
    torus = project(_mesh(trimesh.creation.torus(1, 0.25, 64, 32)), positions, [_STILL])[0]
    assert (torus[:, 1] != 0).sum() == 2944


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("sampling", [Healpix(16), Equiangular(32, 32)], ids=lambda one: one.name)
def test_a_moved_box_is_hit_where_its_planes_are(number, sampling):
    """Of the three pairs of planes a ray enters the box through the one that it enters last.

    In the box's own frame the ray from g to the origin and beyond is a + t b; it enters the pair
    of planes x = ±h at t = (-a - h sign(b)) / b, with the normal -sign(b) along that axis. The box
    has its farthest corner at 0.99 after the motion.
    """
    motion = random_motion("so3", 0.5, ("box", number))
    half = np.array([2, 1, 0.5]) / np.linalg.norm([2, 1, 0.5])
    corners = half * np.stack(np.meshgrid(*[[-1, 1]] * 3), axis=-1).reshape(-1, 3)
    scale = 0.99 / np.linalg.norm(corners @ motion.rotation.T + motion.shift, axis=1).max()
    outward = sampling.positions
    start = (outward - scale * motion.shift) @ motion.rotation
    along = -outward @ motion.rotation
    enter = (-start - scale * half * np.sign(along)) / along
    leave = (-start + scale * half * np.sign(along)) / along
    axis, rows = enter.argmax(axis=1), np.arange(len(outward))
    hit = enter[rows, axis] < leave.min(axis=1)
    distance = np.where(hit, enter[rows, axis], 1)
    cosine = np.where(hit, np.abs(along[rows, axis]), 0)
    sine = np.where(hit, np.sqrt(1 - cosine**2), 0)

    box = _mesh(trimesh.creation.box((2, 1, 0.5)))
    signal = project(box, outward, [motion])[0]
    # Rays along an edge of the box or past it may take either side.
    clear = np.abs(np.diff(np.sort(enter, axis=1)[:, 1:], axis=1)[:, 0]) > 1e-5
    clear &= np.abs(enter.max(axis=1) - leave.min(axis=1)) > 1e-5
    assert clear.mean() > 0.99
    for channels in (signal[:, :3], signal[:, 3:]):
        expected = np.stack([distance, cosine, sine], axis=1)
        np.testing.assert_allclose(channels[clear], expected[clear], atol=10 * _FLOAT32)


def test_an_ellipsoid_is_hit_where_its_equation_says():
    """A ray along g meets x²/a² + y²/b² + z²/c² = r² at |x| = r / √(g · D g), D = diag(1/a², ...).

    There the normal is along D x. The 20,480 facets are chords: their normals are off by up to half
    the angle between neighbours, 0.01, and their planes by its square.
    """
    axes = np.array([1, 0.7, 0.4])
    sphere = trimesh.creation.icosphere(5)
    mesh = normalized(Mesh(np.array(sphere.vertices) * axes, np.array(sphere.faces)))
    outward = Healpix(16).positions
    length = 0.99 / np.linalg.norm(outward / axes, axis=1)
    cosine = np.einsum("pi,pi->p", unit(outward / axes**2), outward)
    signal = project(mesh, outward, [_STILL])[0]
    for channels in (signal[:, :3], signal[:, 3:]):
        np.testing.assert_allclose(channels[:, 0], 1 - length, atol=5e-4)
        np.testing.assert_allclose(channels[:, 1], cosine, atol=2e-2)
        np.testing.assert_allclose(channels[:, 2], np.sqrt(1 - cosine**2), atol=5e-2)
        assert np.sqrt(np.mean((channels[:, 1] - cosine) ** 2)) < 4e-3


@pytest.mark.parametrize("seed", range(3))
def test_to_move_rays_is_to_move_the_mesh(seed):
    """The moved mesh with a tree and a hull of its own, and rays that stay where they are."""
    mesh, outward, motions = _soup(seed), Healpix(16).positions, _motions(4, 0.3)
    signals = project(mesh, outward, motions)
    for motion, signal in zip(motions, signals, strict=True):
        vertices = mesh.vertices @ motion.rotation.T + motion.shift
        vertices *= 0.99 / np.linalg.norm(vertices, axis=1).max()
        hull = ConvexHull(vertices)
        for faces, normals, channels in (
            (mesh.faces, unit(area_vectors(vertices, mesh.faces)), signal[:, :3]),
            (hull.simplices, hull.equations[:, :3], signal[:, 3:]),
        ):
            hits = RayTarget(vertices, faces).first_hits(outward, -outward)
            hit = hits.faces >= 0
            cosine = np.where(hit, np.einsum("pi,pi->p", normals[hits.faces], outward), 0)
            distance = np.where(hit, hits.distances, 1)
            sine = np.linalg.norm(np.cross(normals[hits.faces], outward), axis=1) * hit
            expected = np.stack([distance, cosine, sine], axis=1)
            wrong = np.abs(channels - expected).max(axis=1) > 10 * _FLOAT32
            # Rays that pass a side within 1e-7 of it: of 3,072 at most one is expected.
            assert wrong.sum() <= 1


def test_a_quarter_turn_permutes_the_pixels_of_healpix():
    mesh, outward = _soup(5), Healpix(16).positions
    turn = Motion(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.zeros(3))
    still, turned = project(mesh, outward, [_STILL, turn])
    distance, origin = cKDTree(outward).query(outward @ turn.rotation)
    assert distance.max() < 1e-12
    wrong = np.abs(turned - still[origin]).max(axis=1) > 10 * _FLOAT32
    assert wrong.sum() <= 1


def test_each_copy_is_what_it_is_alone():
    mesh, outward, motions = _soup(1), Healpix(8).positions, _motions(3)
    together = project(mesh, outward, motions)
    assert together.dtype == np.float32
    assert together.shape == (3, len(outward), 6)
    for motion, signal in zip(motions, together, strict=True):
        np.testing.assert_array_equal(project(mesh, outward, [motion])[0], signal)
    assert project(mesh, outward, []).shape == (0, len(outward), 6)


def test_trees_are_built_once_and_only_for_what_is_asked(monkeypatch):
    built = []

    class Counted(RayTarget):
        def __init__(self, vertices, faces):
            built.append(len(faces))
            super().__init__(vertices, faces)

    hulls = []

    def counted_hull(vertices):
        hulls.append(len(vertices))
        return convex_hull(vertices)

    convex_hull = module.convex_hull
    monkeypatch.setattr(module, "RayTarget", Counted)
    monkeypatch.setattr(module, "convex_hull", counted_hull)
    mesh, outward, motions = _soup(1), Healpix(4).positions, _motions(5)
    project(mesh, outward, motions)
    assert (len(built), len(hulls)) == (2, 1)
    project(mesh, outward, motions, channels=CHANNELS[:3])
    assert (len(built), len(hulls)) == (3, 1)
    project(mesh, outward, motions, channels=["hull-sine"])
    assert (len(built), len(hulls)) == (4, 2)
    assert built[-1] != len(mesh.faces)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.lists(st.sampled_from(CHANNELS), min_size=1, unique=True))
def test_some_channels_are_those_columns_in_that_order(channels):
    mesh, outward, motions = _soup(2), Healpix(4).positions, _motions(2)
    places = [CHANNELS.index(name) for name in channels]
    np.testing.assert_array_equal(
        project(mesh, outward, motions, channels=channels),
        project(mesh, outward, motions)[..., places],
    )


@pytest.mark.parametrize("distance", [0.0, 1.0, 2.0])
def test_what_is_hit_nowhere_has_the_distance_asked_for(distance):
    torus, outward = _mesh(trimesh.creation.torus(1, 0.25)), Healpix(16).positions
    signal = project(torus, outward, [_STILL], no_hit_distance=distance)[0]
    expected = project(torus, outward, [_STILL])[0]
    missed = (expected[:, 1] == 0) & (expected[:, 2] == 0)
    assert 0.5 < missed.mean() < 0.9
    assert (signal[missed, 0] == distance).all()
    np.testing.assert_array_equal(signal[~missed], expected[~missed])
    np.testing.assert_array_equal(signal[:, 1:], expected[:, 1:])


def test_cosines_have_the_sign_of_the_winding():
    sphere, outward = _mesh(trimesh.creation.icosphere(2)), Healpix(8).positions
    backward = Mesh(sphere.vertices, sphere.faces[:, ::-1].copy())
    right, wrong = (project(mesh, outward, [_STILL])[0] for mesh in (sphere, backward))
    assert (right[:, 1] > 0.9).all()
    np.testing.assert_allclose(wrong[:, 1], -right[:, 1], atol=1e-6)
    np.testing.assert_allclose(wrong[:, [0, 2]], right[:, [0, 2]], atol=1e-6)
    np.testing.assert_allclose(wrong[:, 3:], right[:, 3:], atol=1e-6)


def test_absolute_cosines():
    mesh, outward = _soup(3), Healpix(8).positions
    signal = project(mesh, outward, _motions(2))
    assert signal[..., 1].min() < -0.5
    absolute = project(mesh, outward, _motions(2), absolute_cosine=True)
    expected = signal.copy()
    expected[..., [1, 4]] = np.abs(signal[..., [1, 4]])
    np.testing.assert_array_equal(absolute, expected)


def test_cosine_and_sine_belong_together_where_something_is_hit():
    signal = project(_soup(4), Healpix(16).positions, _motions(2))
    for distance, cosine, sine in (np.moveaxis(signal[..., :3], -1, 0), signal[..., 3:].T):
        hit = (cosine != 0) | (sine != 0)
        np.testing.assert_allclose((cosine**2 + sine**2)[hit], 1, atol=1e-6)
        assert (sine >= 0).all()
        assert ((distance > 0.0099) & (distance < 1.9901)).all()


def test_a_flat_mesh_is_its_own_hull():
    """A square seen from above and from below: at distance 1 in the middle, from either side."""
    square = Mesh(
        np.array([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]),
        np.array([[0, 1, 2], [0, 2, 3]]),
    )
    poles = np.array([[0.0, 0, 1], [0, 0, -1], [1, 0, 0.5]])
    signal = project(normalized(cleaned(square)), unit(poles), [_STILL])[0]
    np.testing.assert_array_equal(signal[:, 3:], signal[:, :3])
    np.testing.assert_allclose(signal[:2, :3], [[1, 1, 0], [1, -1, 0]], atol=1e-6)
    turned = project(normalized(square), Healpix(8).positions, _motions(2), channels=CHANNELS[3:])
    expected = project(normalized(square), Healpix(8).positions, _motions(2))
    np.testing.assert_array_equal(turned, expected[..., :3])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    arrays.arrays(np.float64, (8, 3), elements=_AWKWARD),
    arrays.arrays(np.int64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(0, 7)),
)
def test_any_mesh_is_refused_or_gives_sound_signals(vertices, faces):
    try:
        mesh = normalized(cleaned(Mesh(vertices, faces)))
    except DeepsphereError as error:
        assert str(error).startswith("mesh: ")
        return
    signal = project(mesh, Healpix(2).positions, _motions(2))
    assert np.isfinite(signal).all()
    assert signal.min() >= -1
    assert signal.max() <= 2


def test_programming_errors():
    mesh, outward = _soup(0), Healpix(1).positions
    far = Mesh(2 * mesh.vertices, mesh.faces)
    with pytest.raises(ValueError, match="farthest vertex at distance 1"):
        project(far, outward, [_STILL])
    with pytest.raises(ValueError, match="must have faces"):
        project(Mesh(mesh.vertices, mesh.faces[:0]), outward, [_STILL])
    with pytest.raises(ValueError, match=r"directions must have shape \(pixels, 3\)"):
        project(mesh, outward.T, [_STILL])
    with pytest.raises(ValueError, match="directions must be unit vectors"):
        project(mesh, 1.01 * outward, [_STILL])
    for channels in ([], ["distance", "distance"], ["color"]):
        with pytest.raises(ValueError, match="channels must be some of"):
            project(mesh, outward, [_STILL], channels=channels)
