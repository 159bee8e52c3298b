"""Genuine files of reanalyses, models and observations, of many shapes, with nothing but a path."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from deepsphere.conversion.command import regrid_files
from deepsphere.conversion.regridding import regrid
from deepsphere.errors import DeepsphereError
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral

DATA = Path(__file__).parents[2].parent / "shared/data"

pytestmark = [
    pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}"),
    pytest.mark.filterwarnings("ignore:variable .* has non-conforming:Warning"),
]

SAMPLINGS = (Healpix(32), Icosahedral(4))
FILES = {
    "climate/latlon/SMALL_total_column_co2.nc": "tcco2",
    "climate/latlon/air.mon.mean_1990-2004.nc": "air",
    "climate/latlon/coads_climatology.cdf": "SST",
    "climate/latlon/eraint_uvz.nc": "z",
    "climate/latlon/hgt.nc": "HGT",
    "climate/latlon/rectilinear_grid_3D.nc": "t",
    "climate/latlon/tas_rectilinear_grid_2D.nc": "tas",
    "climate/latlon/uas_rectilinear_grid_2D.nc": "uas",
    "climate/latlon/uwnd_mean.nc": "uwnd",
    "climate/latlon/vas_rectilinear_grid_2D.nc": "vas",
    "climate/latlon/vwnd_mean.nc": "vwnd",
    "climate/icosahedral/triangular_grid_ICON.nc": "S",
    "misc/etopo60.cdf": "ROSE",
    "misc/etopo120.cdf": "ROSE",
    "misc/landsea.nc": "LSMASK",
}
REFUSED = {
    "climate/latlon/chi200_ud_smooth.nc": "CHI has no latitude; dimensions: time.182., lon.128.",
    "climate/icosahedral/atm_phy_mag0004_1985.nc": "has no latitude and no longitude; .*ncells",
    "misc/IBTrACS.last3years.v04r00_2_storms.nc": "along tracks",
}


def files_below(folder):
    return sorted(str(path.relative_to(DATA)) for path in (DATA / folder).glob("*"))


def share_missing(field):
    """The share of the sphere where a field is missing."""
    if "cell" in field.dims:
        areas = field["cell_area"]
    elif "ncells" in field.dims:
        areas = xr.ones_like(field["ncells"], float)
    else:
        areas = np.cos(np.radians(field[field.dims[-2]]))
    return float(field.isnull().weighted(areas).mean())


def test_no_file_is_left_out():
    assert set(files_below("climate/latlon")) <= FILES.keys() | REFUSED.keys()
    assert set(files_below("climate/icosahedral")) <= FILES.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", [*FILES, *files_below("climate/merra2_blocking")])
def test_every_field_is_regridded_by_its_name_alone(name):
    variable = FILES.get(name, "block_tag")
    with xr.open_dataset(DATA / name, decode_times=False) as dataset:
        field = dataset[variable].load()
    for sampling in SAMPLINGS:
        everything = regrid(DATA / name, sampling)
        regridded = regrid(DATA / name, sampling, variables=[variable])[variable].load()
        assert variable in everything.data_vars
        assert regridded.dims[-1] == "cell"
        assert regridded.shape[-1] == len(sampling)
        assert regridded.shape[:-1] == field.shape[: len(regridded.shape) - 1]
        assert share_missing(regridded) == pytest.approx(share_missing(field), abs=0.02)
        assert float(regridded.min()) >= np.float32(field.min()) - 1e-4
        assert float(regridded.max()) <= np.float32(field.max()) + 1e-4


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_places_gets_one_line(name):
    with pytest.raises(DeepsphereError, match=REFUSED[name]) as error:
        regrid(DATA / name, SAMPLINGS[0])
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda sampling: sampling.name)
@pytest.mark.parametrize(
    "name", ["climate/latlon/air.mon.mean_1990-2004.nc", "misc/etopo60.cdf"], ids=["air", "etopo"]
)
def test_global_means_are_kept(name, sampling):
    variable = FILES[name]
    with xr.open_dataset(DATA / name) as dataset:
        field = dataset[variable].load()
    grid = LatitudeLongitude(*(field[dimension].values for dimension in field.dims[-2:]))
    values = field.values.reshape(-1, len(grid)).astype(np.float64)
    before = values @ grid.areas / (4 * np.pi)
    regridded = regrid(DATA / name, sampling, method="conservative")[variable].values
    after = regridded.astype(np.float64).reshape(len(values), -1) @ sampling.areas / (4 * np.pi)
    np.testing.assert_allclose(after, before, rtol=1e-6)


def test_mountains_are_where_they_are():
    """Heights at known places, so that no map is mirrored, turned or upside down."""
    sampling = Healpix(32)
    heights = regrid(DATA / "misc/etopo60.cdf", sampling)["ROSE"].values
    longitude, latitude = longitude_latitude(sampling.positions)
    places = {
        "Tibet": (88, 33, 4000, 6000),
        "Bolivia": (292, -18, 2500, 5000),
        "Greenland": (320, 72, 2000, 3500),
        "Antarctica": (90, -80, 2500, 4500),
        "North Pacific": (180, 30, -6500, -3000),
        "Arctic Ocean": (200, 85, -4500, -1000),
    }
    for name, (east, north, low, high) in places.items():
        cosine = np.sin(np.radians(latitude)) * np.sin(np.radians(north)) + np.cos(
            np.radians(latitude)
        ) * np.cos(np.radians(north)) * np.cos(np.radians(longitude - east))
        assert low < heights[np.argmax(cosine)] < high, name


def test_days_of_a_folder_become_one_group(tmp_path):
    """Twenty files whose times count from another day each."""
    paths = sorted((DATA / "climate/merra2_blocking").glob("*.nc4"))[::-1]
    regrid_files(paths, tmp_path / "out.zarr", "healpix:32", labels=["block_tag"], threads=2)
    with xr.open_zarr(tmp_path / "out.zarr", consolidated=False) as opened:
        assert opened["block_tag"].shape == (80, 12288)
        assert opened["block_tag"].dtype == np.int8
        steps = np.diff(opened["time"].values).astype("m8[h]").astype(int)
        np.testing.assert_array_equal(steps, 6)
        assert set(np.unique(opened["block_tag"])) == {0, 1}


def test_cells_without_places_are_regridded_with_those_of_another_file():
    """ICON keeps its grid in a file of its own, which is merged as the message says."""
    fields = xr.open_dataset(
        DATA / "climate/icosahedral/atm_phy_mag0004_1985.nc", decode_times=False
    )
    places = xr.open_dataset(
        DATA / "climate/icosahedral/triangular_grid_ICON.nc", decode_times=False
    )
    merged = fields.assign_coords(clat=places["clat"], clon=places["clon"])
    regridded = regrid(merged, SAMPLINGS[1], variables=["prw"])["prw"]
    assert regridded.shape == (1, 2562)
    assert np.isfinite(regridded).all()
