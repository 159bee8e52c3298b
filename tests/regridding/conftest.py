import shutil
import subprocess

import pytest
import xarray as xr

from deepsphere.samplings.coordinates import longitude_latitude


@pytest.fixture
def cdo(tmp_path):
    """Return a function that regrids with CDO, given an operator, a grid, a field and a sampling.

    The field has the shape (rows, columns); what comes back is float32 of shape (pixels,), for the
    pixels' centres.
    """
    if shutil.which("cdo") is None:
        pytest.skip("CDO is not installed")

    def regrid(operator, grid, field, sampling):
        longitude, latitude = longitude_latitude(sampling.positions)
        text = [f"gridtype = unstructured\ngridsize = {len(sampling)}\nxunits = degrees\n"]
        text += ["yunits = degrees\nxvals =", *(f" {value:.17g}" for value in longitude)]
        text += ["\nyvals =", *(f" {value:.17g}" for value in latitude), "\n"]
        (tmp_path / "target.txt").write_text("".join(text))
        coordinates = {
            "lat": ("lat", grid.latitude, {"units": "degrees_north", "standard_name": "latitude"}),
            "lon": ("lon", grid.longitude, {"units": "degrees_east", "standard_name": "longitude"}),
        }
        dataset = xr.Dataset({"field": (("lat", "lon"), field)}, coordinates)
        dataset.to_netcdf(tmp_path / "in.nc", engine="scipy")
        command = ["cdo", "-s", f"{operator},target.txt", "in.nc", "out.nc"]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=60)
        with xr.open_dataset(tmp_path / "out.nc", engine="scipy") as regridded:
            return regridded["field"].values

    return regrid
