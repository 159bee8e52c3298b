import numpy as np
import pytest
from matplotlib.colors import to_rgb

from deepsphere.graphs.build import build_graph
from deepsphere.graphs.diagnostics import describe_graph
from deepsphere.graphs.recipe import Recipe
from deepsphere.report.equivariance import draw, draw_equivariance
from deepsphere.report.style import GREY, to_png
from deepsphere.samplings.healpix import Healpix

# Of the sphere, whose responses are l(l + 1), but for a factor and a falling end.
LEVEL = {
    "sampling": "healpix:8",
    "neighbours": {"min": 20, "mean": 20.25, "max": 22},
    "equivariance": {
        "degrees": [4, 10, 20],
        "responses": [10.0, 55.0, 105.0],
        "errors": [0.01, 0.005, 0.02],
        "haar": [0.015, 0.007, 0.03],
        "pixels": 768,
    },
    "eigenvalue_groups": {
        "degrees": [0, 1, 2, 3],
        "means": [0.0, 1.0, 2.7, 4.8],
        "spreads": [0.0, 0.1, 0.1, 0.2],
        "ratios": [None, 1.0, 0.9, 0.8],
    },
}


def level(**changes):
    return {**LEVEL, **changes}


def measured(**changes):
    return {**LEVEL["equivariance"], **changes}


def own_lines(axes):
    """The lines of the levels, not those that stand for comparison."""
    return [line for line in axes.lines if to_rgb(line.get_color()) != to_rgb(GREY)]


def points(line):
    return np.transpose([line.get_xdata(), line.get_ydata()])


def published(axes):
    return {
        line.get_label().removeprefix("published "): points(line)
        for line in axes.lines
        if line.get_label().startswith("published ")
    }


def labels(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_errors_over_all_rotations_stand_over_the_part_of_the_band():
    left, _ = draw([LEVEL]).axes
    (line,) = own_lines(left)
    expected = [[0.2, 0.015], [0.5, 0.007], [1.0, 0.03]]
    np.testing.assert_allclose(points(line), expected, rtol=1e-12)
    assert (left.get_xscale(), left.get_yscale()) == ("log", "log")


def test_errors_of_zonal_functions_are_named_so():
    figure = draw([level(equivariance=measured(haar=None))])
    np.testing.assert_array_equal(own_lines(figure.axes[0])[0].get_ydata(), [0.01, 0.005, 0.02])
    assert labels(figure)[0] == "healpix:8, 20.2 neighbours, zonal functions only"
    assert "zonal" not in " ".join(labels(draw([LEVEL])))


def test_responses_are_relative_to_the_lowest_degree():
    """With c l(l + 1) the ratio is 1; here 10/20 = 55/110 = 1/2, and 105/420 is half of that."""
    _, right = draw([level(eigenvalue_groups=None)]).axes
    (line,) = own_lines(right)
    np.testing.assert_allclose(points(line), [[0.2, 1], [0.5, 1], [1.0, 0.5]], rtol=1e-12)


def test_groups_of_eigenvalues_are_marks_that_begin_at_one():
    """Their means over l(l + 1) are 1/2, 2.7/6, 4.8/12, so relative to the first 1, 0.9, 0.8."""
    _, right = draw([LEVEL]).axes
    groups, responses = own_lines(right)
    expected = [[1 / 20, 1], [2 / 20, 0.9], [3 / 20, 0.8]]
    np.testing.assert_allclose(points(groups), expected, rtol=1e-12)
    assert groups.get_linestyle() == "None"
    np.testing.assert_allclose(responses.get_ydata(), [1, 1, 0.5], rtol=1e-12)


@pytest.mark.parametrize("means", [[0.0], [0.0, 0.0, 0.0, 0.0]])
def test_groups_that_have_no_lowest_response_are_left_out(means):
    groups = {"degrees": list(range(len(means))), "means": means}
    _, right = draw([level(eigenvalue_groups=groups)]).axes
    (line,) = own_lines(right)
    np.testing.assert_allclose(line.get_ydata(), [1, 1, 0.5], rtol=1e-12)


def test_the_published_errors_of_nside_32_stand_beside_any_sampling():
    """The highest degree of nside 32 is 2.9 · 32 = 92.8."""
    for sampling in ("healpix:32", "icosahedral:5", "healpix:1280", "stations[73]"):
        found = published(draw([level(sampling=sampling)]).axes[0])
        assert list(found) == ["8 (2019)", "8", "20", "40"]
        np.testing.assert_allclose(found["20"][:, 0], np.array([10, 50, 90]) / 92.8)
        np.testing.assert_array_equal(found["20"][:, 1], [0.083, 0.0138, 0.033])
        np.testing.assert_array_equal(found["8 (2019)"][:, 1], [0.52, 0.24, 0.16])


@pytest.mark.parametrize("sampling", ["healpix:128", "healpix:128[4096]"])
def test_the_published_errors_of_nside_128_stand_beside_that(sampling):
    figure = draw([level(sampling=sampling), LEVEL])
    found = published(figure.axes[0])
    assert list(found) == ["8", "20", "40"]
    np.testing.assert_allclose(found["40"][:, 0], np.array([50, 200, 350]) / 371.2)
    np.testing.assert_array_equal(found["40"][:, 1], [0.0099, 0.0018, 0.0078])
    assert "published for healpix:128 " in labels(figure)[2]
    assert "2019" not in labels(figure)[2]


def test_published_errors_are_named_beside_their_ends_and_in_the_legend():
    figure = draw([LEVEL])
    assert [text.get_text() for text in figure.axes[0].texts] == ["8 (2019)", "8", "20", "40"]
    assert "Defferrard et al., ICLR 2020" in labels(figure)[1]


def test_six_levels_differ_in_colour_and_in_shape():
    left, right = draw([level(sampling=f"healpix:{2**n}") for n in range(6, 0, -1)]).axes
    lines = own_lines(left)
    assert len(lines) == 6
    assert len({line.get_color() for line in lines}) == 6
    assert len({line.get_marker() for line in lines}) == 6
    assert len(own_lines(right)) == 12


def test_a_level_looks_the_same_in_both_panels_whatever_levels_lack():
    missing = level(sampling="healpix:1024", equivariance=None, eigenvalue_groups=None)
    figure = draw([missing, LEVEL])
    left, right = figure.axes
    (errors,), (groups, responses) = own_lines(left), own_lines(right)
    looks = {(line.get_color(), line.get_marker()) for line in (errors, groups, responses)}
    assert len(looks) == 1
    handle = figure.legends[0].legend_handles[1]
    assert (handle.get_color(), handle.get_marker()) in looks
    assert labels(figure)[0] == "healpix:1024, 20.2 neighbours, not measured"


def test_a_level_without_edges_is_only_named():
    alone = level(neighbours=None, equivariance=None)
    figure = draw([alone])
    assert not own_lines(figure.axes[0])
    assert not own_lines(figure.axes[1])
    assert labels(figure)[0] == "healpix:8, not measured"
    assert len(labels(figure)) == 2
    assert to_png(figure)


def test_errors_and_responses_of_zero_do_not_stop_the_figure():
    nothing = measured(responses=[0.0] * 3, haar=[0.0] * 3)
    figure = draw([level(equivariance=nothing, eigenvalue_groups=None)])
    assert not own_lines(figure.axes[1])
    assert to_png(figure)


def test_axes_say_what_they_show():
    left, right = draw([LEVEL]).axes
    assert left.get_xlabel() == right.get_xlabel() == "degree l / highest degree of the sampling"
    assert left.get_ylabel() == "|RLf − LRf| / |Lf|"
    assert right.get_ylabel() == "λ / l(l + 1), relative to the lowest l"


def test_it_draws_what_describes_a_graph_to_a_file(tmp_path):
    levels = [
        describe_graph(sampling, build_graph(sampling, Recipe(8, refinement=0)))
        for sampling in (Healpix(8), Healpix(4), Healpix(1))
    ]
    path = tmp_path / "graph.png"
    draw_equivariance(levels, path)
    assert path.read_bytes() == to_png(draw(levels))
    left, _ = draw(levels).axes
    for line, described in zip(own_lines(left), levels, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), described["equivariance"]["haar"])
