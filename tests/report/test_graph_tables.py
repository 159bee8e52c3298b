import copy
import io

import pytest
from rich.console import Console

from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.levels import build_levels
from deepsphere.graphs.recipe import Recipe
from deepsphere.report.graph_tables import render_graph
from deepsphere.samplings.healpix import Healpix

FINE = {
    "sampling": "healpix:4",
    "pixels": 19200,
    "edges": 76543,
    "neighbours": {"min": 6, "mean": 7.97, "max": 8},
    "degree": {"min": 1.2345, "mean": 2.0, "max": 2.3456},
    "weight": {"min": 0.1, "mean": 0.5, "max": 0.9},
    "mass": None,
    "isolated": 3,
    "components": {"count": 2, "largest": [19000, 200]},
    "symmetric": True,
    "neighbour_distance": 0.456,
    "width": 0.25964,
    "laplacian": "combinatorial",
    "lmax": 4.57625,
    "equivariance": {
        "degrees": [4, 10],
        "responses": [2.0, 5.5],
        "errors": [0.0118971, 0.35],
        "haar": [0.0187796, 0.499],
        "pixels": 19200,
    },
    "eigenvalue_groups": {
        "degrees": [0, 1, 2],
        "means": [0.0, 0.214795, 0.616717],
        "spreads": [0.0, 0.00193, 0.021945],
        "ratios": [None, 1.0, 0.957063],
    },
}
COARSE = {
    **FINE,
    "sampling": "healpix:2[30]",
    "pixels": 30,
    "edges": 0,
    "neighbours": None,
    "degree": None,
    "symmetric": False,
    "width": None,
    "lmax": 0.0,
    "equivariance": None,
    "eigenvalue_groups": None,
}


@pytest.fixture
def manifest():
    """A graph of two levels, of which the coarse one has no edges."""
    return copy.deepcopy({"name": "near", "padding": 0, "levels": [FINE, COARSE]})


def printed(manifest, width=160):
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(render_graph(manifest))
    return console.file.getvalue()


def rows(manifest, table):
    """Return the rows of the n-th table by their first cell, the head included."""
    lines = printed(manifest).splitlines()
    # A table is its title, an empty line, its head, a rule, and its rows up to an empty line.
    rules = [number for number, line in enumerate(lines) if set(line.strip()) == {"─"}]
    start = rules[table]
    end = next(number for number in range(start, len(lines)) if not lines[number].strip())
    body = [lines[start - 1], *lines[start + 1 : end]]
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in body]
    return {first: rest for first, *rest in cells}


def titles(manifest):
    return [line.strip() for line in printed(manifest).splitlines() if line[:1].strip()]


def test_the_levels_have_the_numbers_of_the_manifest(manifest):
    table = rows(manifest, 0)
    assert table == {
        "sampling": [
            "pixels",
            "edges",
            "neighbours",
            "degree",
            "components",
            "isolated",
            "symmetric",
            "width",
            "Laplacian",
            "lmax",
        ],
        "healpix:4": [
            "19,200",
            "76,543",
            "6 to 8",
            "1.23 to 2.35",
            "2",
            "3",
            "yes",
            "0.26",
            "combinatorial",
            "4.58",
        ],
        "healpix:2[30]": ["30", "0", "-", "-", "2", "3", "no", "-", "combinatorial", "0"],
    }


def test_each_degree_has_its_errors_and_its_response(manifest):
    """At degree 10 the sphere's response is 110/20 = 5.5 times that at degree 4."""
    manifest["levels"][0]["equivariance"]["responses"][1] = 0.8 * 2 * 5.5
    assert rows(manifest, 1) == {
        "degree": ["4", "10"],
        "zonal functions": ["0.0119", "0.35"],
        "all rotations": ["0.0188", "0.499"],
        "response / l(l+1), relative to l = 4": ["1", "0.8"],
    }


def test_eigenvalues_are_shown_by_groups(manifest):
    assert rows(manifest, 2) == {
        "degree": ["0", "1", "2"],
        "mean": ["0", "0.215", "0.617"],
        "spread": ["0", "0.00193", "0.0219"],
        "mean / l(l+1), relative to l = 1": ["-", "1", "0.957"],
    }


def test_what_was_not_measured_has_no_table(manifest):
    assert titles(manifest) == [
        "Graph near",
        "healpix:4: relative equivariance error by degree",
        "healpix:4: eigenvalues in groups of 2l + 1",
    ]
    manifest["levels"][0]["eigenvalue_groups"] = None
    assert len(titles(manifest)) == 2
    manifest["levels"][0]["equivariance"]["haar"] = None
    assert "all rotations" not in printed(manifest)


def test_padding_and_borders_are_told(manifest):
    assert "added" not in printed(manifest)
    assert "border" not in printed(manifest)
    manifest["padding"] = 12
    manifest["levels"][0]["equivariance"]["pixels"] = 1234
    # A title is as wide as its table.
    text = " ".join(titles(manifest))
    assert "Graph near (12 pixels added to complete super-pixels) healpix:4: relative" in text
    assert "error by degree, on its 1,234 pixels off the border healpix:4: eigenvalues" in text


def test_an_operator_without_any_response_is_shown(manifest):
    manifest["levels"][0]["equivariance"] |= {"responses": [0.0, 0.0], "errors": [0.0, 0.0]}
    assert rows(manifest, 1)["response / l(l+1), relative to l = 4"] == ["-", "-"]


def test_no_number_is_cut_off_on_a_narrow_terminal(manifest):
    text = printed(manifest, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text


def test_a_built_graph_shows_the_numbers_that_describe_it():
    stored, levels = build_levels(build_hierarchy(Healpix(4), 2), Recipe(), "symmetric")
    manifest = {"name": "near", "padding": len(stored.padding), "levels": levels}
    for number, level in enumerate(levels):
        shown = rows(manifest, 0)[level["sampling"]]
        assert shown[0] == str(level["pixels"])
        assert float(shown[7]) == pytest.approx(level["width"], rel=5e-3)
        assert float(shown[9]) == pytest.approx(level["lmax"], rel=5e-3)
        by_degree = rows(manifest, 1 + 2 * number)
        measured = level["equivariance"]
        assert [int(degree) for degree in by_degree["degree"]] == measured["degrees"]
        for row, key in (("zonal functions", "errors"), ("all rotations", "haar")):
            found = [float(cell) for cell in by_degree[row]]
            assert found == pytest.approx(measured[key], rel=5e-3)
        groups = rows(manifest, 2 + 2 * number)
        for row, key in (("mean", "means"), ("spread", "spreads")):
            found = [float(cell) for cell in groups[row]]
            assert found == pytest.approx(level["eigenvalue_groups"][key], rel=5e-3)
