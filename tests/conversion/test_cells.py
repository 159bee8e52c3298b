import numpy as np
import pytest
import xarray as xr

from deepsphere.conversion.cells import cell_attributes, cell_coordinates, has_grid_mapping
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.icosahedral import Icosahedral


def test_healpix_has_what_cf_and_xdggs_ask_for():
    coordinates = cell_coordinates(Healpix(8))
    assert coordinates["cell_ids"].dtype == np.uint64
    # xdggs takes these four and no others.
    assert coordinates["cell_ids"].attrs == {
        "grid_name": "healpix",
        "level": 3,
        "indexing_scheme": "nested",
        "ellipsoid": "sphere",
    }
    assert coordinates["crs"].attrs == {
        "grid_mapping_name": "healpix",
        "refinement_level": 3,
        "indexing_scheme": "nested",
    }
    assert cell_attributes(Healpix(8))["dggs"]["refinement_level"] == 3


def test_xdggs_finds_the_centres():
    xdggs = pytest.importorskip("xdggs")
    dataset = xr.Dataset(coords=cell_coordinates(Healpix(8)))
    decoded = xdggs.decode(dataset, name="cell_ids")
    centres = decoded.dggs.cell_centers()
    np.testing.assert_allclose(centres["latitude"], dataset["latitude"], atol=1e-10)


@pytest.mark.parametrize("sampling", [Healpix(6), Icosahedral(1)], ids=lambda s: s.name)
def test_others_have_coordinates_and_no_mapping(sampling):
    coordinates = cell_coordinates(sampling)
    assert "crs" not in coordinates
    assert not has_grid_mapping(sampling)
    assert "dggs" not in cell_attributes(sampling)
    assert coordinates["cell_area"].values.sum() == pytest.approx(4 * np.pi)
    assert coordinates["longitude"].attrs["units"] == "degrees_east"
