"""A graph on disk is the graph that was built, or it is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
import zarr

from deepsphere.errors import DeepsphereError
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.rescaling import RESCALINGS
from deepsphere.graphs.spectrum import largest_eigenvalue
from deepsphere.graphs.storage import Level, StoredGraph, load_graph, save_graph
from deepsphere.samplings.equiangular import Equiangular
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked

ARRAYS = [
    *(f"level-0/{name}" for name in ("offsets", "columns", "values", "mass", "positions", "areas")),
    *(f"level-0/pooling_{name}" for name in ("offsets", "columns", "values")),
    *(f"level-0/{name}" for name in ("children", "pixels")),
    *(f"level-1/{name}" for name in ("offsets", "columns", "values", "mass", "positions", "areas")),
    "level-1/pixels",
    "padding",
]


def levels_of(sampling, count, laplacian="combinatorial", rescaling="symmetric"):
    hierarchy = build_hierarchy(sampling, count)
    levels = []
    for number, one in enumerate(hierarchy.samplings):
        graph = build_graph(one, Recipe(neighbours=4, refinement=0, laplacian=laplacian))
        coarsening = hierarchy.coarsenings[number] if number < count - 1 else None
        level = Level(
            sampling=one.name,
            positions=one.positions,
            areas=one.areas / one.areas.mean(),
            graph=graph,
            laplacian=laplacian,
            lmax=largest_eigenvalue(graph.laplacian(laplacian)),
            rescaling=rescaling,
            pooling=None if coarsening is None else coarsening.matrix,
            children=None if coarsening is None else coarsening.children,
            pixels=one.pixels if isinstance(one, Masked) else None,
        )
        levels.append(level)
    return StoredGraph(tuple(levels), hierarchy.padding)


@pytest.fixture(scope="module")
def stored():
    """Two levels with all that there can be: areas, pooling, children, a part, and padding."""
    return levels_of(Masked(Equiangular(8, 16), [*range(20, 60), 70, 101]), 2)


@pytest.fixture(params=["part", "full sphere", "normalized", "one pixel", "stations"])
def any_stored(request, stored, stations):
    if request.param == "part":
        return stored
    if request.param == "full sphere":
        return levels_of(Healpix(2), 2)
    if request.param == "normalized":
        return levels_of(Healpix(2), 1, "normalized", "damped")
    if request.param == "stations":
        return levels_of(stations(40), 2)
    positions = np.array([[0, 0, 1.0]])
    graph = build_graph(Masked(Healpix(1), [0]))
    level = Level("healpix:1[1]", positions, np.ones(1), graph, "combinatorial", 0.0, "symmetric")
    return StoredGraph((level,), np.empty(0, np.int64))


def same_matrix(one, other):
    return (
        one.shape == other.shape
        and np.array_equal(one.indptr, other.indptr)
        and np.array_equal(one.indices, other.indices)
        and one.data.tobytes() == other.data.tobytes()
    )


def same_array(one, other):
    if one is None or other is None:
        return one is other
    return one.dtype == other.dtype and np.array_equal(one, other)


def files_of(folder):
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_what_is_read_is_what_was_written(any_stored, tmp_path):
    save_graph(any_stored, tmp_path)
    found = load_graph(tmp_path, any_stored.digest())
    assert found.digest() == any_stored.digest()
    assert same_array(found.padding, any_stored.padding)
    assert len(found.levels) == len(any_stored.levels)
    for one, other in zip(found.levels, any_stored.levels, strict=True):
        assert len(one) == len(other)
        assert same_matrix(one.graph.weights, other.graph.weights)
        assert one.graph.neighbour_distance == other.graph.neighbour_distance
        assert one.graph.width == other.graph.width
        assert same_array(one.graph.mass, other.graph.mass)
        for name in ("positions", "areas", "children", "pixels"):
            assert same_array(getattr(one, name), getattr(other, name))
        for name in ("sampling", "laplacian", "lmax", "rescaling"):
            assert getattr(one, name) == getattr(other, name)
        assert (one.pooling is None) == (other.pooling is None)
        if one.pooling is not None:
            assert same_matrix(one.pooling, other.pooling)
        if one.lmax > 0:
            assert same_matrix(one.operator(), other.operator())


def test_the_stored_graph_of_these_tests_has_every_array(stored, tmp_path):
    save_graph(stored, tmp_path)
    root = zarr.open_group(tmp_path / "graph.zarr", mode="r")
    found = [name for name, node in root.members(max_depth=None) if isinstance(node, zarr.Array)]
    assert sorted(found) == sorted(ARRAYS)
    assert all(root[name].size for name in ARRAYS)


def test_the_same_graph_has_the_same_bytes(stored, tmp_path):
    for name in ("a", "b"):
        save_graph(stored, tmp_path / name)
    # Over another graph as over nothing.
    save_graph(levels_of(Healpix(4), 3), tmp_path / "c")
    save_graph(stored, tmp_path / "c")
    assert len(files_of(tmp_path / "a")) > 2 * len(ARRAYS)
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b") == files_of(tmp_path / "c")


def test_files_are_plain_arrays(stored, tmp_path):
    save_graph(stored, tmp_path)
    file = tmp_path / "graph.zarr/level-0/values/c/0"
    assert file.read_bytes() == stored.levels[0].graph.weights.data.astype("<f8").tobytes()


@pytest.mark.parametrize("name", ARRAYS)
def test_every_number_of_every_array_is_in_the_digest(name, stored, tmp_path):
    save_graph(stored, tmp_path)
    array = zarr.open_group(tmp_path / "graph.zarr", mode="r+")[name]
    values = array[...]
    for place in (0, -1):
        changed = values.copy()
        # One that points nowhere, where it is an index.
        changed.flat[place] = (
            10**6 if values.dtype.kind == "i" else np.nextafter(changed.flat[0], 9)
        )
        array[...] = changed
        with pytest.raises(DeepsphereError, match=r"digest .* promises .* delete .*\.json and rer"):
            load_graph(tmp_path, stored.digest())
    array[...] = values
    load_graph(tmp_path, stored.digest())


@pytest.mark.parametrize("name", ARRAYS)
def test_the_types_of_the_numbers_are_in_the_digest(name, stored, tmp_path):
    # The same bytes, and another meaning.
    save_graph(stored, tmp_path)
    file = tmp_path / "graph.zarr" / name / "zarr.json"
    metadata = json.loads(file.read_text())
    other = {"int32": "float32", "int64": "float64", "float64": "int64"}
    metadata["data_type"] = other[metadata["data_type"]]
    metadata["fill_value"] = 0
    file.write_text(json.dumps(metadata))
    with pytest.raises(DeepsphereError, match="digest"):
        load_graph(tmp_path, stored.digest())


def test_the_parts_are_in_the_digest_and_one_is_what_there_was_before(stored, tmp_path):
    several = replace(stored, parts=12)
    assert several.digest() != stored.digest()
    save_graph(several, tmp_path)
    assert load_graph(tmp_path, several.digest()).parts == 12
    root = zarr.open_group(tmp_path / "graph.zarr", mode="r+")
    root.attrs["parts"] = 48
    with pytest.raises(DeepsphereError, match="digest"):
        load_graph(tmp_path, several.digest())
    # As it was written before there were parts.
    del root.attrs["parts"]
    assert load_graph(tmp_path, stored.digest()).parts == 1


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("sampling", "equiangular:8x16"),
        ("neighbour_distance", 0.5),
        ("width", 0.25),
        ("width", None),
        ("laplacian", "normalized"),
        ("lmax", 1.5),
        ("rescaling", "damped"),
        ("more", 1),
    ],
)
def test_every_attribute_is_in_the_digest(level, attribute, value, stored, tmp_path):
    save_graph(stored, tmp_path)
    group = zarr.open_group(tmp_path / f"graph.zarr/level-{level}", mode="r+")
    assert attribute in group.attrs or attribute == "more"
    group.attrs[attribute] = value
    with pytest.raises(DeepsphereError, match="digest"):
        load_graph(tmp_path, stored.digest())


def test_no_attribute_is_missing_from_these_tests(stored, tmp_path):
    save_graph(stored, tmp_path)
    found = set(zarr.open_group(tmp_path / "graph.zarr/level-0", mode="r").attrs)
    assert found == {
        "sampling",
        "neighbour_distance",
        "width",
        "laplacian",
        "lmax",
        "rescaling",
    }


@pytest.mark.parametrize(("levels", "message"), [(1, "digest"), (0, "digest"), (3, "not whole")])
def test_the_number_of_levels_is_in_the_digest(levels, message, stored, tmp_path):
    save_graph(stored, tmp_path)
    zarr.open_group(tmp_path / "graph.zarr", mode="r+").attrs["levels"] = levels
    with pytest.raises(DeepsphereError, match=message):
        load_graph(tmp_path, stored.digest())


def test_an_array_that_was_added_is_in_the_digest(stored, tmp_path):
    save_graph(stored, tmp_path)
    group = zarr.open_group(tmp_path / "graph.zarr/level-1", mode="r+")
    group.create_array("children", data=stored.levels[0].children)
    with pytest.raises(DeepsphereError, match="digest"):
        load_graph(tmp_path, stored.digest())


def damage_by_deleting(file):
    file.unlink()


def damage_by_cutting(file):
    file.write_bytes(file.read_bytes()[:-3])


# zarr warns of files that belong to no array.
@pytest.mark.filterwarnings("ignore:Object at")
@pytest.mark.parametrize("damage", [damage_by_deleting, damage_by_cutting])
def test_whatever_file_is_damaged_the_graph_is_refused(damage, stored, tmp_path):
    save_graph(stored, tmp_path)
    for name, content in files_of(tmp_path).items():
        damage(tmp_path / name)
        with pytest.raises(DeepsphereError, match=r"delete .*\.json and rerun") as caught:
            load_graph(tmp_path, stored.digest())
        assert "\n" not in str(caught.value)
        (tmp_path / name).write_bytes(content)
    load_graph(tmp_path, stored.digest())


@pytest.mark.parametrize("levels", ["two", None, 1.5, [1]])
def test_nonsense_for_a_number_of_levels_is_refused(levels, stored, tmp_path):
    save_graph(stored, tmp_path)
    zarr.open_group(tmp_path / "graph.zarr", mode="r+").attrs["levels"] = levels
    with pytest.raises(DeepsphereError, match="not whole"):
        load_graph(tmp_path, stored.digest())


def test_an_array_in_place_of_a_level_is_refused(stored, tmp_path):
    save_graph(stored, tmp_path)
    root = zarr.open_group(tmp_path / "graph.zarr", mode="r+")
    del root["level-1"]
    root.create_array("level-1", data=np.zeros(3))
    with pytest.raises(DeepsphereError, match=r"not whole .*level-1 is no group"):
        load_graph(tmp_path, stored.digest())


def test_no_graph_is_refused(tmp_path):
    with pytest.raises(DeepsphereError, match="not whole"):
        load_graph(tmp_path, "0" * 64)


def test_another_graph_is_refused(stored, tmp_path):
    other = levels_of(Masked(Equiangular(8, 16), range(20, 61)), 2)
    assert other.digest() != stored.digest()
    save_graph(other, tmp_path)
    with pytest.raises(DeepsphereError, match=other.digest()[:12]):
        load_graph(tmp_path, stored.digest())


def test_xarray_opens_a_level(stored, tmp_path):
    save_graph(stored, tmp_path)
    level = stored.levels[0]
    with xr.open_zarr(tmp_path / "graph.zarr", group="level-0", consolidated=False) as found:
        assert found.sizes["pixel"] == len(level)
        assert found.sizes["entry"] == level.graph.weights.nnz
        assert found.sizes["coarse_pixel"] == len(stored.levels[1])
        np.testing.assert_array_equal(found["positions"], level.positions)
        np.testing.assert_array_equal(found["mass"], level.graph.mass)
        np.testing.assert_array_equal(found["pixels"], level.pixels)
        assert found.attrs["lmax"] == level.lmax
    with xr.open_zarr(tmp_path / "graph.zarr", consolidated=False) as found:
        np.testing.assert_array_equal(found["padding"], stored.padding)


def test_padding_and_pixels_and_children_belong_together(stored):
    fine, coarse = stored.levels
    given = np.delete(fine.pixels, stored.padding)
    np.testing.assert_array_equal(given, [*range(20, 60), 70, 101])
    # A coarse pixel of 4 x 8 is two rows and two columns of 8 x 16.
    rows, columns = np.divmod(fine.pixels[fine.children], 16)
    np.testing.assert_array_equal(
        rows // 2 * 8 + columns // 2, np.repeat(coarse.pixels, 4).reshape(-1, 4)
    )


@pytest.mark.parametrize("rescaling", sorted(RESCALINGS))
@pytest.mark.parametrize("laplacian", ["combinatorial", "normalized"])
def test_the_operator_is_the_rescaled_laplacian(laplacian, rescaling):
    level = levels_of(Healpix(2), 1, laplacian, rescaling).levels[0]
    expected = RESCALINGS[rescaling].apply(level.graph.laplacian(laplacian), level.lmax)
    assert same_matrix(level.operator(), expected)
    eigenvalues = np.linalg.eigvalsh(level.operator().toarray())
    low, high = RESCALINGS[rescaling].interval
    assert eigenvalues[0] == pytest.approx(low, abs=1e-12)
    assert eigenvalues[-1] == pytest.approx(high, abs=1e-5)


def test_filters_between_the_roots_of_the_mass_are_filters_of_the_operator_on_functions(stored):
    # S = M^(-1/2) (D - W) M^(-1/2) and L = M^(-1) (D - W) = M^(-1/2) S M^(1/2) are similar, so
    # h(L) = M^(-1/2) h(S) M^(1/2) for every polynomial h.
    level = stored.levels[0]
    mass, weights = level.graph.mass, level.graph.weights.toarray()
    roots = np.sqrt(mass)[:, np.newaxis]
    on_functions = (np.diag(weights.sum(axis=1)) - weights) / mass[:, np.newaxis]
    rescaling = RESCALINGS["symmetric"]
    rescaled = rescaling.slope / (rescaling.margin * level.lmax) * on_functions - np.eye(len(level))
    operator = level.operator().toarray()
    signal = np.random.default_rng(0).standard_normal((len(level), 3))
    for power in (1, 2, 5):
        found = np.linalg.matrix_power(operator, power) @ (roots * signal) / roots
        expected = np.linalg.matrix_power(rescaled, power) @ signal
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    # L takes constants to zero, so that the operator takes them to their opposite.
    constant = level.operator() @ roots / roots
    np.testing.assert_allclose(constant, -1, rtol=1e-12)
    laplacian = level.graph.laplacian() @ roots / roots
    np.testing.assert_allclose(laplacian, 0, atol=1e-12)


def test_the_operator_of_a_single_pixel_is_refused():
    graph = build_graph(Masked(Healpix(1), [0]))
    positions = np.array([[0, 0, 1.0]])
    level = Level("", positions, np.ones(1), graph, "combinatorial", 0.0, "symmetric")
    with pytest.raises(DeepsphereError, match="single pixel: pool to it"):
        level.operator()


def test_a_graph_of_an_earlier_version_is_refused(stored, tmp_path):
    """It had no areas, and its manifest promises what it has."""
    save_graph(stored, tmp_path)
    shutil.rmtree(tmp_path / "graph.zarr/level-1/areas")
    with pytest.raises(DeepsphereError, match=r"level-1 has no areas.* delete .*\.json and rerun"):
        load_graph(tmp_path, stored.digest())
