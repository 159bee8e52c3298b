import h5netcdf
import numpy as np
import pytest
import xarray as xr

from deepsphere.samplings.coordinates import unit_vectors

LATITUDE = {"standard_name": "latitude", "units": "degrees_north"}
LONGITUDE = {"standard_name": "longitude", "units": "degrees_east"}


@pytest.fixture(scope="session")
def make_dataset():
    """Return a function that makes a data set of a field ``t`` (time, lat, lon), float32."""

    def make(times=3, rows=18, columns=36):
        latitude = -90 + (np.arange(rows) + 0.5) * 180 / rows
        longitude = (np.arange(columns) + 0.5) * 360 / columns
        x, y, z = np.moveaxis(unit_vectors(*np.meshgrid(longitude, latitude)), -1, 0)
        moments = np.arange(times)[:, np.newaxis, np.newaxis]
        field = 280 + 20 * z + 5 * x * y + moments
        return xr.Dataset(
            {"t": (("time", "lat", "lon"), field.astype(np.float32), {"units": "K"})},
            {
                "time": ("time", np.arange(times), {"units": "days since 2000-01-01"}),
                "lat": ("lat", latitude, LATITUDE),
                "lon": ("lon", longitude, LONGITUDE),
            },
        )

    return make


@pytest.fixture
def compressed(tmp_path):
    """Return a function that writes a NetCDF 4 file of float32 maps ``t``, zlib and shuffled."""

    def write(name, maps, rows, columns, chunks=None, start=0):
        path = tmp_path / name
        generator = np.random.default_rng(start)
        with h5netcdf.File(path, "w") as file:
            file.dimensions = {"time": maps, "lat": rows, "lon": columns}
            latitude = np.linspace(90, -90, rows)
            axes = [
                ("time", start + np.arange(maps), "hours since 2000-01-01"),
                ("lat", latitude, "degrees_north"),
                ("lon", np.arange(columns) * 360 / columns, "degrees_east"),
            ]
            for axis, values, units in axes:
                file.create_variable(axis, (axis,), data=values).attrs["units"] = units
            options = {"chunks": chunks or (1, rows, columns), "compression": "gzip"}
            dimensions = ("time", "lat", "lon")
            field = file.create_variable("t", dimensions, np.float32, shuffle=True, **options)
            for number in range(maps):
                field[number] = np.add.outer(latitude, generator.normal(size=columns))
        return path

    return write
