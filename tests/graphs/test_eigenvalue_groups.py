import healpy
import numpy as np
import pytest
from scipy.sparse import block_diag, csr_array, diags_array

from deepsphere.errors import DeepsphereError
from deepsphere.files import canonical_json
from deepsphere.graphs.eigenvalue_groups import MOST_PIXELS, EigenvalueGroups, eigenvalue_groups
from deepsphere.graphs.laplacian import combinatorial_laplacian, normalized_laplacian
from deepsphere.graphs.neighbours import nearest_neighbours
from deepsphere.graphs.weights import gaussian, join, time_of_width

DENSE = 400
SPARSE = 1200
# Half a unit of the sixth digit.
ROUNDING = 5.1e-6


def gaussian_weights(positions):
    """Weights of the width that the published HEALPix graphs have, as far as this goes by size."""
    width = 0.78 * np.sqrt(4 * np.pi / len(positions))
    indices, distances = nearest_neighbours(positions, 8)
    return join(indices, gaussian(distances, time_of_width(width)), "union")


def cycle(corners):
    """The Laplacian of a polygon with edges of weight 1."""
    step = np.roll(np.eye(corners), 1, axis=0)
    return csr_array(2 * np.eye(corners) - step - step.T)


def cycle_eigenvalues(corners):
    """Waves exp(2πijk/n) are the eigenvectors: 2 - 2 cos(2πk/n), in pairs but for 0 and 4."""
    return np.sort(2 - 2 * np.cos(2 * np.pi * np.arange(corners) / corners))


@pytest.mark.parametrize("corners", [DENSE, SPARSE])
def test_polygon(corners):
    groups = eigenvalue_groups(cycle(corners))
    expected = cycle_eigenvalues(corners)[:81]
    np.testing.assert_allclose(groups.eigenvalues, expected, rtol=ROUNDING, atol=0)
    # The first group but zero: cos(2π/n) twice, and cos(4π/n).
    assert groups.means[1] == pytest.approx(expected[1:4].mean(), rel=ROUNDING)
    assert groups.spreads[1] == pytest.approx(expected[3] - expected[1], abs=1e-5 * expected[3])


@pytest.mark.parametrize("pixels", [DENSE, SPARSE])
def test_the_spectrum_of_the_sphere(pixels):
    degrees = np.arange(40)
    spectrum = np.repeat(degrees * (degrees + 1.0), 2 * degrees + 1)[:pixels]
    shuffled = np.random.default_rng(0).permutation(spectrum)
    groups = eigenvalue_groups(csr_array(diags_array(0.25 * shuffled)), degrees=7)
    assert groups.degrees.tolist() == list(range(8))
    np.testing.assert_allclose(groups.means, 0.25 * (degrees * (degrees + 1))[:8], rtol=1e-12)
    np.testing.assert_array_equal(groups.spreads, 0)
    np.testing.assert_allclose(groups.ratios[1:], 1, rtol=1e-12)


def test_healpix_comes_in_groups():
    positions = np.stack(healpy.pix2vec(16, np.arange(12 * 16**2)), axis=1)
    groups = eigenvalue_groups(combinatorial_laplacian(gaussian_weights(positions)))
    firsts = groups.eigenvalues[groups.degrees**2]
    lasts = groups.eigenvalues[(groups.degrees + 1) ** 2 - 1]
    # The gaps between groups are far wider than the groups.
    assert (np.diff(groups.means) > 3 * groups.spreads[1:]).all()
    assert (firsts[1:] > lasts[:-1]).all()
    np.testing.assert_allclose(groups.ratios[1:], 1, atol=0.03)
    assert (np.diff(groups.ratios[1:]) < 0).all()


def test_scattered_points_do_not(scattered):
    groups = eigenvalue_groups(combinatorial_laplacian(gaussian_weights(scattered(SPARSE))))
    assert (np.diff(groups.means) < groups.spreads[1:]).any()


@pytest.mark.parametrize("kind", [combinatorial_laplacian, normalized_laplacian])
def test_lanczos_agrees_with_all_eigenvalues(scattered, fibonacci, kind):
    for positions in (scattered(SPARSE), fibonacci(SPARSE)):
        laplacian = kind(gaussian_weights(positions))
        expected = np.linalg.eigvalsh(laplacian.toarray())[:81]
        expected[0] = 0
        found = eigenvalue_groups(laplacian).eigenvalues
        np.testing.assert_allclose(found, expected, rtol=ROUNDING, atol=0)


@pytest.mark.parametrize("pieces", [2, 3, 7])
@pytest.mark.parametrize("pixels", [DENSE, 2 * SPARSE])
def test_pieces(pieces, pixels):
    # Every eigenvalue occurs once for each piece, which a search from one vector might miss.
    corners = pixels // pieces
    groups = eigenvalue_groups(csr_array(block_diag([cycle(corners)] * pieces)))
    expected = np.repeat(cycle_eigenvalues(corners), pieces)[:81]
    np.testing.assert_allclose(groups.eigenvalues, expected, rtol=ROUNDING, atol=0)
    assert (groups.eigenvalues == 0).sum() == pieces
    # With four pieces or more the group of l = 1 is zero, and there is nothing to compare with.
    ratios = groups.described()["ratios"]
    assert (ratios[1:] == [None] * 8) == (pieces >= 4)
    assert pieces >= 4 or ratios[1] == 1


@pytest.mark.parametrize("pixels", [DENSE, SPARSE])
def test_a_graph_without_edges(pixels):
    groups = eigenvalue_groups(csr_array((pixels, pixels)))
    np.testing.assert_array_equal(groups.eigenvalues, np.zeros(81))
    assert groups.described()["ratios"] == [None] * 9


@pytest.mark.parametrize(
    ("pixels", "degrees"), [(1, 0), (3, 0), (4, 1), (8, 1), (9, 2), (80, 7), (81, 8), (500, 8)]
)
def test_few_pixels_have_few_groups(scattered, pixels, degrees):
    laplacian = csr_array((1, 1)) if pixels == 1 else cycle(pixels)
    assert eigenvalue_groups(laplacian).degrees.tolist() == list(range(degrees + 1))


def test_as_many_eigenvalues_as_pixels():
    groups = eigenvalue_groups(cycle(25**2), degrees=50)
    np.testing.assert_allclose(groups.eigenvalues, cycle_eigenvalues(25**2), rtol=ROUNDING)


def test_large_graphs_have_none():
    assert eigenvalue_groups(csr_array((MOST_PIXELS + 1, MOST_PIXELS + 1))) is None


def test_description(fibonacci):
    laplacian = combinatorial_laplacian(gaussian_weights(fibonacci(SPARSE)))
    description = eigenvalue_groups(laplacian, degrees=3).described()
    assert list(description) == ["degrees", "means", "spreads", "ratios"]
    assert description["degrees"] == [0, 1, 2, 3]
    assert description["means"][0] == description["spreads"][0] == 0
    assert description["ratios"][:2] == [None, 1]
    for name in ("means", "spreads", "ratios"):
        assert all(value is None or value == float(f"{value:.6g}") for value in description[name])
    again = eigenvalue_groups(laplacian.copy(), degrees=3).described()
    assert canonical_json(description) == canonical_json(again)


def test_groups_by_hand():
    groups = EigenvalueGroups(np.array([0.0, 2, 3, 4, 8, 8, 9, 10, 10]))
    np.testing.assert_array_equal(groups.degrees, [0, 1, 2])
    np.testing.assert_array_equal(groups.means, [0, 3, 9])
    np.testing.assert_array_equal(groups.spreads, [0, 2, 2])
    np.testing.assert_array_equal(groups.ratios, [np.nan, 1, 1])


@pytest.mark.parametrize(
    ("eigenvalues", "message"),
    [([0.0, 1, 2], "square; found shape"), ([], "square"), ([0.0, 2, 1, 3], "ascending")],
)
def test_bad_groups(eigenvalues, message):
    with pytest.raises(DeepsphereError, match=message):
        EigenvalueGroups(np.array(eigenvalues))


def test_bad_input():
    with pytest.raises(DeepsphereError, match="degree -1 and 8 pixels"):
        eigenvalue_groups(cycle(8), degrees=-1)
    with pytest.raises(DeepsphereError, match="0 pixels"):
        eigenvalue_groups(csr_array(np.zeros((0, 0))))
