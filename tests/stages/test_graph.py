"""From settings to the graphs of all levels, and their manifest."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from deepsphere.config.graphs import GraphSettings
from deepsphere.errors import DeepsphereError
from deepsphere.files import canonical_json, open_scratch, write_json
from deepsphere.graphs.build import build_graph
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.storage import StoredGraph, load_graph
from deepsphere.nn.operator import SymmetricOperator
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.stations import Stations
from deepsphere.stages.graph import run
from deepsphere.stages.inputs import open_run
from deepsphere.stores.writer import write_store

STATIONS = 40
DESCRIBED = {
    "sampling",
    "pixels",
    "edges",
    "neighbours",
    "degree",
    "weight",
    "mass",
    "isolated",
    "components",
    "symmetric",
    "neighbour_distance",
    "width",
    "laplacian",
    "lmax",
    "equivariance",
    "eigenvalue_groups",
}


def settings(folder: Path, **graph: Any) -> dict[str, Any]:
    """Return what the plan gives the stage for a graph, in a folder."""
    if "store" not in graph:
        graph.setdefault("sampling", "icosahedral:1")
    store = {"store": str(folder / "maps"), "store_manifest": str(folder / "maps.json")}
    return {
        "name": "near",
        "graph": GraphSettings.model_validate(graph).model_dump(mode="json"),
        **(store if "store" in graph else {}),
        "folder": str(folder / "near"),
        "manifest": str(folder / "near.json"),
    }


def manifest_of(folder: Path) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads((folder / "near.json").read_text(), parse_constant=refuse)


def build(folder: Path, threads: int = 1, **graph: Any) -> tuple[Any, StoredGraph]:
    """Run the stage; return its manifest and the graph that this promises."""
    run(settings(folder, **graph), threads)
    manifest = manifest_of(folder)
    return manifest, load_graph(folder / "near", manifest["digest"])


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def store(tmp_path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Write a store of scattered stations; return their degrees east and north."""
    random = np.random.default_rng(0)
    longitude = random.uniform(-180, 180, STATIONS)
    latitude = np.degrees(np.arcsin(random.uniform(-1, 1, STATIONS)))
    days = np.datetime64("2010-01-01", "D") + np.arange(9)
    dataset = xr.Dataset(
        {"data": (("sample", "cell", "channel"), np.zeros((9, STATIONS, 1), np.float32))},
        coords={
            "time": ("sample", days.astype("datetime64[ns]")),
            "longitude": ("cell", longitude),
            "latitude": ("cell", latitude),
        },
        attrs={
            "title": "Weather",
            "channels": ["TMIN"],
            "units": ["degC"],
            "split_shares": {"train": 0.7, "validation": 0.0, "test": 0.3},
        },
    )
    content = write_store(dataset, tmp_path / "maps", fingerprint={})
    write_json(tmp_path / "maps.json", {"digest": content["digest"]})
    return longitude, latitude


def test_a_graph_of_two_levels_and_its_manifest(tmp_path: Path) -> None:
    manifest, stored = build(tmp_path, sampling="healpix:2", levels=2, neighbours=8)
    assert {path.name for path in tmp_path.iterdir()} == {"near", "near.json"}
    assert [path.name for path in (tmp_path / "near").iterdir()] == ["graph.zarr"]
    assert manifest.keys() == {
        "stage",
        "name",
        "settings",
        "inputs",
        "digest",
        "padding",
        "levels",
    }
    assert (manifest["stage"], manifest["name"], manifest["inputs"]) == ("graph", "near", {})
    assert (
        manifest["settings"]
        == settings(tmp_path, sampling="healpix:2", levels=2, neighbours=8)["graph"]
    )
    assert manifest["padding"] == 0
    assert [level["sampling"] for level in manifest["levels"]] == ["healpix:2", "healpix:1"]
    for described, level in zip(manifest["levels"], stored.levels, strict=True):
        assert described.keys() == DESCRIBED
        assert described["pixels"] == len(level)
        assert described["edges"] == level.graph.weights.nnz // 2
        assert described["lmax"] == level.lmax
        assert described["width"] == level.graph.width
    assert [len(level) for level in stored.levels] == [48, 12]


def test_the_manifest_is_plain_and_the_same_for_the_same_graph(tmp_path: Path) -> None:
    manifest, _ = build(tmp_path, sampling="healpix:2", levels=2)
    assert (tmp_path / "near.json").read_text() == canonical_json(manifest)


# Refined weights, a search with a mass, a part of the sphere, and groups by Lanczos' method.
REPEATED = [
    {"sampling": "icosahedral:1", "levels": 2},
    {"sampling": "equiangular:6x12", "width_rule": "search", "neighbours": 8},
    {"sampling": "healpix:8:3/192", "levels": 3},
    {"sampling": "fibonacci:600"},
]


@pytest.mark.parametrize("graph", REPEATED, ids=lambda graph: graph["sampling"])
def test_every_run_writes_the_same_bytes_with_any_number_of_threads(
    graph: dict[str, Any], tmp_path: Path
) -> None:
    written = []
    for name, threads in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        run(settings(tmp_path / name, **graph), threads)
        written.append(files(tmp_path / name))
    assert len(written[0]) > 6
    assert written[0] == written[1] == written[2]


def test_a_second_graph_takes_the_place_of_the_first(tmp_path: Path) -> None:
    first, _ = build(tmp_path, sampling="healpix:2", levels=2)
    second, stored = build(tmp_path, sampling="healpix:2")
    assert second["digest"] != first["digest"]
    assert len(stored.levels) == 1
    assert not (tmp_path / "near/graph.zarr/level-1").exists()


def test_what_a_killed_run_left_is_not_published(tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    clean.mkdir()
    build(clean)
    left = tmp_path / "left"
    left.mkdir()
    scratch = open_scratch(left / "near", {})
    for name in ("content/graph.zarr/level-7/zarr.json", "content/graph.npz"):
        (scratch / name).parent.mkdir(parents=True, exist_ok=True)
        (scratch / name).write_text("half")
    build(left)
    assert files(left) == files(clean)


def test_a_part_of_a_sphere_is_completed_and_says_so(tmp_path: Path) -> None:
    """A patch of 4 pixels of nside 8 lies in one pixel of nside 2, which has 16."""
    manifest, stored = build(tmp_path, sampling="healpix:8:3/192", levels=3)
    assert manifest["padding"] == 12
    assert [level["pixels"] for level in manifest["levels"]] == [16, 4, 1]
    np.testing.assert_array_equal(stored.levels[0].pixels, np.arange(16))
    np.testing.assert_array_equal(stored.padding, [*range(12)])
    alone = manifest["levels"][2]
    assert alone["edges"] == alone["lmax"] == 0
    assert (alone["isolated"], alone["weight"], alone["equivariance"]) == (1, None, None)
    assert all(level["eigenvalue_groups"] is None for level in manifest["levels"])


def test_a_single_pixel_can_be_described_though_no_network_can_use_it(tmp_path: Path) -> None:
    manifest, stored = build(tmp_path, sampling="fibonacci:1")
    (level,) = manifest["levels"]
    assert (level["pixels"], level["edges"], level["width"]) == (1, 0, None)
    with pytest.raises(DeepsphereError, match=r"fibonacci:1 has a single pixel: pool to it"):
        stored.levels[0].operator()


def test_a_level_of_many_pixels_without_edges_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DeepsphereError, match=r"level 0 .* 192 pixels, has no edges.*larger radius"
    ):
        build(tmp_path, sampling="healpix:4", edges="radius", radius=1e-6)
    assert not (tmp_path / "near.json").exists()


def test_more_levels_than_there_are_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError) as caught:
        build(tmp_path, sampling="healpix:2", levels=4)
    assert str(caught.value) == (
        "4 levels were asked for; healpix:2 has 2, as the coarsest of them cannot be made coarser; "
        "give at most 2"
    )
    assert not list(tmp_path.iterdir())


RECIPES: list[tuple[dict[str, Any], Recipe]] = [
    ({}, Recipe()),
    ({"neighbours": 8}, Recipe(neighbours=8)),
    ({"edges": "adjacent"}, Recipe(neighbours="adjacent")),
    ({"edges": "radius", "radius": 1.1}, Recipe(radius=1.1)),
    ({"weights": "unweighted"}, Recipe(weights="unweighted")),
    ({"weights": "inverse-distance"}, Recipe(weights="inverse-distance")),
    ({"weights": "inverse-square"}, Recipe(weights="inverse-square")),
    ({"weights": "cotangent"}, Recipe(weights="cotangent")),
    ({"width": 0.5}, Recipe(width=0.5)),
    ({"width_rule": "mean"}, Recipe(width="mean")),
    ({"width_rule": "mean-square"}, Recipe(width="mean-square")),
    # With a fit, ties are kept, and 20 neighbours are mutual here.
    (
        {"symmetrization": "average", "refinement": 0},
        Recipe(symmetrization="average", refinement=0),
    ),
    ({"areas": False}, Recipe(areas=False)),
    ({"refinement": 2}, Recipe(refinement=2)),
    ({"laplacian": "normalized"}, Recipe(laplacian="normalized")),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, StoredGraph]]:
    """Return what the stage made by each of the recipes."""
    folders = [tmp_path_factory.mktemp("graph") for _ in RECIPES]
    return [
        build(folder, sampling="icosahedral:1", **graph)
        for folder, (graph, _) in zip(folders, RECIPES, strict=True)
    ]


def test_every_setting_reaches_the_graph(built: list[tuple[Any, StoredGraph]]) -> None:
    for (_, stored), (graph, recipe) in zip(built, RECIPES, strict=True):
        expected = build_graph(Icosahedral(1), recipe)
        found = stored.levels[0].graph
        np.testing.assert_array_equal(
            found.weights.toarray(), expected.weights.toarray(), err_msg=str(graph)
        )
        assert found.width == expected.width, graph
        assert (found.mass is None) == (expected.mass is None), graph
        assert stored.levels[0].laplacian == recipe.laplacian, graph
    digests = {manifest["digest"] for manifest, _ in built}
    assert len(digests) == len(RECIPES), "each recipe makes another graph"


def test_a_published_width_is_that_of_the_table(tmp_path: Path) -> None:
    """0.025 for nside 32 and 8 neighbours, doubled four times down to nside 2."""
    manifest, _ = build(tmp_path, sampling="healpix:2", neighbours=8, width_rule="published")
    assert manifest["levels"][0]["width"] == pytest.approx(16 * 0.025, rel=1e-12)


@pytest.mark.parametrize(
    ("rescaling", "low"), [("symmetric", -1), ("damped", -0.75), ("shifted", -1)]
)
def test_the_rescaling_is_that_of_the_settings(rescaling: str, low: float, tmp_path: Path) -> None:
    """Constants are in the kernel of the Laplacian, which goes to the low end."""
    _, stored = build(tmp_path, sampling="healpix:2", rescaling=rescaling)
    operator = stored.levels[0].operator()
    np.testing.assert_allclose(operator @ np.ones(48), low * np.ones(48), atol=1e-12)


@pytest.mark.parametrize("symmetrization", ["union", "average"])
def test_stations_have_the_graph_that_the_mean_distance_gives(
    symmetrization: str, store: tuple[Any, Any], tmp_path: Path
) -> None:
    """exp(-d²/4t) with t = mean d²/(4 ln 2) is 2^(-(d/mean d)²), found here from all pairs."""
    neighbours = 5
    manifest, stored = build(
        tmp_path,
        store="maps",
        neighbours=neighbours,
        width_rule="mean",
        symmetrization=symmetrization,
    )
    longitude, latitude = np.radians(store[0]), np.radians(store[1])
    cosines = np.sin(latitude) * np.sin(latitude)[:, None] + np.cos(latitude) * np.cos(latitude)[
        :, None
    ] * np.cos(longitude - longitude[:, None])
    distances = np.sqrt(np.maximum(2 - 2 * cosines, 0))
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1)[:, :neighbours]
    found = np.zeros_like(distances)
    np.put_along_axis(found, order, 1, axis=1)
    mean = distances[found == 1].mean()
    joined = np.maximum(found, found.T) if symmetrization == "union" else (found + found.T) / 2
    expected = np.where(joined > 0, joined * 2 ** -((distances / mean) ** 2), 0)
    level = stored.levels[0]
    np.testing.assert_allclose(level.graph.weights.toarray(), expected, rtol=0, atol=1e-12)
    assert level.graph.mass is None
    assert level.graph.width == pytest.approx(mean, rel=1e-12)
    promised = json.loads((tmp_path / "maps.json").read_text())["digest"]
    assert manifest["inputs"] == {"store": promised}
    laplacian = np.diag(expected.sum(axis=1)) - expected
    assert manifest["levels"][0]["lmax"] == pytest.approx(
        np.linalg.eigvalsh(laplacian)[-1], rel=1e-5
    )


def test_stations_have_coarser_levels_too(store: tuple[Any, Any], tmp_path: Path) -> None:
    manifest, stored = build(tmp_path, store="maps", neighbours=4, levels=2)
    assert manifest["levels"][0]["sampling"] == f"stations:{STATIONS}"
    pooling = stored.levels[0].pooling
    assert pooling is not None
    assert pooling.shape == (len(stored.levels[1]), STATIONS)


@pytest.mark.parametrize("areas", [True, False])
def test_a_run_gives_its_network_the_finest_level_and_its_areas(
    areas: bool, store: tuple[Any, Any], tmp_path: Path
) -> None:
    _, stored = build(tmp_path, store="maps", neighbours=4, levels=2, areas=areas)
    paths = settings(tmp_path, store="maps")
    inputs = open_run(
        {
            "store": paths["store"],
            "store_manifest": paths["store_manifest"],
            "graph": paths["folder"],
            "graph_manifest": paths["manifest"],
            "task": {"kind": "forecast", "store": "maps", "channels": ["TMIN"], "window": 2},
            "model": {"kind": "dense-regressor", "kernel_size": 3, "widths": [4]},
        }
    )
    (operator,) = [part for part in inputs.build().modules() if isinstance(part, SymmetricOperator)]
    finest = stored.levels[0]
    np.testing.assert_array_equal(operator.offsets.numpy(), finest.operator().indptr)
    np.testing.assert_array_equal(operator.values.numpy(), finest.operator().data.astype("f4"))
    if not areas:
        assert operator.root_mass is None
        return
    assert operator.root_mass is not None
    mass = Stations(*store).areas * STATIONS / (4 * np.pi)
    np.testing.assert_allclose(operator.root_mass.numpy() ** 2, mass, rtol=1e-5)


def test_a_store_that_is_another_one_is_refused(store: tuple[Any, Any], tmp_path: Path) -> None:
    write_json(tmp_path / "maps.json", {"digest": "0" * 64})
    with pytest.raises(DeepsphereError) as caught:
        build(tmp_path, store="maps", neighbours=4)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "near").exists()


def test_a_store_that_was_not_made_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match=r"^manifest of the store: .*maps\.json does not exi"):
        build(tmp_path, store="maps", neighbours=4)


def test_parts_are_meant_to_be_apart_and_pieces_of_parts_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest, stored = build(tmp_path, sampling="healpix:4", levels=3, parts=12, neighbours=4)
    assert [level["components"]["count"] for level in manifest["levels"]] == [12, 12, 12]
    assert stored.parts == manifest["settings"]["parts"] == 12
    assert "pieces" not in caplog.text
    build(tmp_path, sampling="healpix:4", parts=12, edges="radius", radius=0.25)
    assert "falls into" in caplog.text
