"""Variables of NetCDF files of both kinds, as xarray reads them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.netcdf import open_variables

VALUES = np.random.default_rng(1).normal(280, 20, (1, 6, 9)).astype(np.float32)
HOLES = np.where(np.arange(54).reshape(1, 6, 9) % 7 == 0, np.float32(np.nan), VALUES)


def dataset() -> xr.Dataset:
    """Return plain, packed and masked variables, and one of whole numbers."""
    dimensions = ("time", "lat", "lon")
    return xr.Dataset(
        {
            "plain": (dimensions, VALUES),
            "packed": (dimensions, HOLES),
            "masked": (dimensions, HOLES),
            "LABELS": (dimensions, (VALUES > 290).astype(np.int32)),
        },
        coords={"lat": np.linspace(-90, 90, 6), "lon": np.arange(9) * 40.0},
    )


ENCODING: dict[str, dict[str, Any]] = {
    "packed": {"dtype": "i2", "scale_factor": 0.01, "add_offset": 280.0, "_FillValue": -32767},
    "masked": {"_FillValue": np.float32(1e20)},
    "plain": {"_FillValue": None},
}


@pytest.fixture(params=["NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    is_old = "NETCDF3" in request.param
    dataset().to_netcdf(
        tmp_path / "a.nc",
        format=request.param,
        engine="scipy" if is_old else "netcdf4",
        encoding={
            name: encoding if is_old else {**encoding, "zlib": True, "complevel": 1}
            for name, encoding in ENCODING.items()
        },
    )
    return tmp_path / "a.nc"


@pytest.mark.parametrize("inside_archive", [False, True])
def test_values_are_those_of_xarray(path: Path, inside_archive: bool) -> None:
    content = io.BytesIO(path.read_bytes()) if inside_archive else path
    expected = xr.load_dataset(path, engine="scipy" if b"CDF" in path.read_bytes()[:3] else None)
    with open_variables(content) as variables:
        for name in ("plain", "packed", "masked", "LABELS", "lat", "lon"):
            assert name in variables
            assert variables.shape(name) == expected[name].shape
            np.testing.assert_allclose(
                variables.read(name), expected[name].values, rtol=1e-6, equal_nan=True
            )
        assert "other" not in variables
        assert variables.read("LABELS").dtype.kind == "i"


def test_holes_are_nan(path: Path) -> None:
    with open_variables(path) as variables:
        for name in ("packed", "masked"):
            np.testing.assert_array_equal(np.isnan(variables.read(name)), np.isnan(HOLES))


@pytest.mark.parametrize("kept", [0, 3, 10, 100, 400])
def test_files_that_are_cut_short(path: Path, tmp_path: Path, kept: int) -> None:
    (tmp_path / "cut.nc").write_bytes(path.read_bytes()[:kept])
    for content in (tmp_path / "cut.nc", io.BytesIO(path.read_bytes()[:kept])):
        with (
            pytest.raises(DeepsphereError, match="cannot be read as NetCDF or HDF5"),
            open_variables(content) as variables,
        ):
            variables.read("plain")


def test_web_pages_and_missing_files(tmp_path: Path) -> None:
    (tmp_path / "page.nc").write_text("<html>not found</html>")
    for name in ("page.nc", "missing.nc"):
        with (
            pytest.raises(DeepsphereError, match="cannot be read as NetCDF or HDF5"),
            open_variables(tmp_path / name),
        ):
            pass
