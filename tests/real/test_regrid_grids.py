"""The grids of genuine reanalyses, models and observations: each is found, closed and regridded."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.build import build_weights
from deepsphere.regridding.grid import LatitudeLongitude, Points
from deepsphere.regridding.labels import class_fractions, nearest_labels
from deepsphere.regridding.winds import apply_to_winds
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral
from deepsphere.samplings.polygons import polygon_areas

DATA = Path(__file__).parents[2].parent / "shared/data/climate"

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}"),
    pytest.mark.filterwarnings("ignore:variable .* has non-conforming:Warning"),
]

SAMPLINGS = (Healpix(32), Icosahedral(4))
# File, a variable of latitude and longitude, and the shape of a map.
FIELDS = [
    ("SMALL_total_column_co2.nc", "tcco2", (161, 320)),
    ("air.mon.mean_1990-2004.nc", "air", (73, 144)),
    ("coads_climatology.cdf", "SST", (90, 180)),
    ("eraint_uvz.nc", "z", (241, 480)),
    ("hgt.nc", "HGT", (73, 144)),
    ("rectilinear_grid_3D.nc", "t", (96, 192)),
    ("tas_rectilinear_grid_2D.nc", "tas", (96, 192)),
    ("uas_rectilinear_grid_2D.nc", "uas", (96, 192)),
    ("uwnd_mean.nc", "uwnd", (73, 144)),
    ("vas_rectilinear_grid_2D.nc", "vas", (96, 192)),
    ("vwnd_mean.nc", "vwnd", (73, 144)),
]


def opened(path):
    """A data set of either format, its times left as numbers."""
    engine = "scipy" if path.read_bytes()[:3] == b"CDF" else "h5netcdf"
    return xr.open_dataset(path, engine=engine, decode_times=False)


def grid_of(variable, bounds=(None, None)):
    """The grid of a variable, whose last two axes are latitude and longitude."""
    rows, columns = variable.dims[-2:]
    return LatitudeLongitude(variable[rows].values, variable[columns].values, *bounds)


def maps_of(variable):
    """All maps, shape (maps, values)."""
    return variable.values.reshape(-1, np.prod(variable.shape[-2:]))


@pytest.mark.parametrize(("name", "variable", "shape"), FIELDS, ids=[name for name, *_ in FIELDS])
def test_every_grid_is_whole_and_regrids_to_what_it_holds(name, variable, shape):
    with opened(DATA / "latlon" / name) as dataset:
        field = dataset[variable]
        grid, maps = grid_of(field), maps_of(field)
    assert grid.shape == shape
    assert grid.wraps
    assert grid.areas.sum() == pytest.approx(4 * np.pi, rel=1e-14)
    low, high = np.nanmin(maps), np.nanmax(maps)
    for sampling in SAMPLINGS:
        for method in ("nearest", "bilinear", "conservative"):
            weights = build_weights(grid, sampling, method)
            np.testing.assert_allclose(weights.shares, 1, rtol=0, atol=1e-13)
            regridded = weights.apply(maps[:3], "renormalize")
            assert np.isnan(regridded).any() == np.isnan(maps[:3]).any()
            assert np.nanmin(regridded) >= np.float32(low)
            assert np.nanmax(regridded) <= np.float32(high)


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: sampling.name)
def test_global_means_of_temperature_are_kept(sampling):
    with opened(DATA / "latlon/air.mon.mean_1990-2004.nc") as dataset:
        grid, maps = grid_of(dataset["air"]), maps_of(dataset["air"])[::30].astype(np.float64)
    weights = build_weights(grid, sampling, "conservative")
    before = maps @ grid.areas
    after = (weights.matrix @ maps.T).T @ sampling.areas
    np.testing.assert_allclose(after, before, rtol=1e-12)


def test_edges_are_the_bounds_of_the_files_that_have_them():
    for name in ("tas", "uas", "vas"):
        with opened(DATA / f"latlon/{name}_rectilinear_grid_2D.nc") as dataset:
            bounds = dataset["lat_bnds"].values, dataset["lon_bnds"].values
            made, given = grid_of(dataset[name]), grid_of(dataset[name], bounds)
        np.testing.assert_allclose(made.row_edges, given.row_edges, atol=1e-8)
        np.testing.assert_allclose(made.column_edges, given.column_edges, atol=1e-8)
    for name in ("uwnd", "vwnd"):
        with opened(DATA / f"latlon/{name}_mean.nc") as dataset:
            bounds = dataset["latitude_bnds"].values, dataset["longitude_bnds"].values
            made, given = grid_of(dataset[name]), grid_of(dataset[name], bounds)
        np.testing.assert_array_equal(made.row_edges, given.row_edges)
        np.testing.assert_array_equal(made.column_edges, given.column_edges)


def test_the_sea_ends_where_it_did():
    """What is missing over land is missing there, and nowhere is a value made of nothing."""
    with opened(DATA / "latlon/coads_climatology.cdf") as dataset:
        grid, maps = grid_of(dataset["SST"]), maps_of(dataset["SST"])
    sampling = SAMPLINGS[0]
    weights = build_weights(grid, sampling, "conservative")
    known = (~np.isnan(maps)) @ grid.areas / (4 * np.pi)
    narrow = np.isfinite(weights.apply(maps)).mean(axis=1)
    middle = np.isfinite(weights.apply(maps, "renormalize")).mean(axis=1)
    wide = np.isfinite(weights.apply(maps, "renormalize", 1e-6)).mean(axis=1)
    assert np.all(narrow < known)
    assert np.all(wide > known)
    np.testing.assert_allclose(middle, known, atol=0.005)


def test_winds_over_the_poles_are_those_around_them():
    """ERA-Interim has the wind at the pole in each column's own directions: they agree in space."""
    sampling = Icosahedral(4)
    with opened(DATA / "latlon/eraint_uvz.nc") as dataset:
        grid = grid_of(dataset["u"])
        u, v = maps_of(dataset["u"]), maps_of(dataset["v"])
    weights = build_weights(grid, sampling, "bilinear")
    east, north = apply_to_winds(weights, grid, sampling, u, v)
    speed = np.hypot(east, north)
    assert np.isfinite(speed).all()
    assert speed.max() <= np.hypot(u, v).max()
    row = np.hypot(u, v).reshape(-1, *grid.shape)
    np.testing.assert_allclose(speed[:, 0], row[:, 0].mean(axis=1), atol=0.1)


def test_event_masks_keep_their_frequency():
    files = sorted((DATA / "merra2_blocking").glob("*.nc4"))
    assert len(files) == 20
    digests, shares = set(), []
    for path in files:
        with opened(path) as dataset:
            grid, labels = grid_of(dataset["block_tag"]), maps_of(dataset["block_tag"])
        digests.add(grid.description()["digest"])
        shares.append(((labels == 1) @ grid.areas).mean() / (4 * np.pi))
    assert len(digests) == 1
    assert grid.shape == (361, 576)
    assert grid.wraps
    for sampling in SAMPLINGS:
        weights = build_weights(grid, sampling, "nearest")
        hard = nearest_labels(weights, labels)
        assert hard.dtype == np.int8
        assert set(np.unique(hard)) == {0, 1}
        frequency = (hard == 1) @ sampling.areas / (4 * np.pi)
        assert frequency.mean() == pytest.approx(shares[-1], rel=0.02)
        soft = class_fractions(build_weights(grid, sampling, "conservative"), labels, (0, 1))
        frequency = soft[:, 1].astype(np.float64) @ sampling.areas / (4 * np.pi)
        assert frequency.mean() == pytest.approx(shares[-1], rel=1e-6)


def test_icon_cells_are_points_that_every_pixel_has_one_of():
    """A grid of triangles of which the largest are 18 times the smallest."""
    with opened(DATA / "icosahedral/triangular_grid_ICON.nc") as dataset:
        latitude, longitude = np.degrees(dataset["clat"].values), np.degrees(dataset["clon"].values)
        corners = unit_vectors(
            np.degrees(dataset["clon_vertices"].values), np.degrees(dataset["clat_vertices"].values)
        )
        is_sea, salinity = dataset["wet_c"].values[0], dataset["S"].values
    points = Points(latitude, longitude)
    areas = polygon_areas(corners)
    assert areas.sum() == pytest.approx(4 * np.pi, rel=1e-9)
    radii = np.linalg.norm(corners - points.positions[:, np.newaxis], axis=2).max(axis=1)
    for sampling in SAMPLINGS:
        weights = build_weights(points, sampling, "nearest")
        assert weights.shares.min() == 1
        nearest = weights.matrix.indices
        steps = np.linalg.norm(points.positions[nearest] - sampling.positions, axis=1)
        assert np.mean(steps <= radii[nearest]) > 0.99
        sea = weights.apply(is_sea) @ sampling.areas
        assert sea == pytest.approx(areas @ is_sea, rel=0.01)
        assert weights.apply(salinity).shape == (*salinity.shape[:-1], len(sampling))


def test_a_section_along_a_parallel_has_no_grid():
    """Days come as latitudes: the message says what a latitude is."""
    with opened(DATA / "latlon/chi200_ud_smooth.nc") as dataset:
        section = dataset["CHI"]
        with pytest.raises(DeepsphereError, match="between -90 and 90 degrees; found 181"):
            grid_of(section)
