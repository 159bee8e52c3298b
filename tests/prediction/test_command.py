"""A trained run on a file of a user's own, from folder and file to a file."""

import shutil
from pathlib import Path

import healpy
import netCDF4
import numpy as np
import pytest
import torch
import xarray as xr
from typer.testing import CliRunner

from deepsphere.cli.main import app
from deepsphere.config.configuration import check_configuration
from deepsphere.conversion.regridding import regrid
from deepsphere.errors import DeepsphereError
from deepsphere.files import write_json
from deepsphere.inference.trained import load
from deepsphere.plan import Plan
from deepsphere.prediction.command import predict_file
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.stages import graph, train
from deepsphere.stores.writer import write_store

CLASSES = ("background", "warm spell", "cold spell")
CONFIGURATION = {
    "standalone": True,
    "sources": {"states": {"kind": "meshes", "mirrors": ["."]}},
    "stores": {
        "weather": {
            "kind": "meshes",
            "source": "states",
            "sampling": "healpix:4",
            "channels": ["distance", "cosine"],
            "copies": {"only": {}},
        }
    },
    "graphs": {"sphere": {"sampling": "healpix:4", "levels": 2, "neighbours": 8}},
    "experiments": {
        "trial": {
            "title": "Trial",
            "seeds": [0],
            "tasks": {
                "pairs": {
                    "kind": "segmentation",
                    "store": "weather",
                    "channels": ["distance", "cosine"],
                    "window": 2,
                },
            },
            "base": {
                "protocol": "sound",
                "task": "pairs",
                "graph": "sphere",
                "model": {"kind": "unet", "widths": [[4], [4]], "wiring": "paper"},
                "training": {"epochs": 1, "batch_size": 4, "learning_rate": 0.01, "device": "cpu"},
            },
            "variants": {"unet": {"title": "U-Net"}},
        }
    },
}


def write_states(folder):
    """Write a store of states six hours apart."""
    random = np.random.default_rng(0)
    data = random.normal([280.0, 5.0, 0.0], [10.0, 2.0, 0.0], (12, 192, 3))
    data[..., 2] = np.digitize(data[..., 0], [285, 292])
    longitude, latitude = longitude_latitude(Healpix(4).positions)
    split = np.repeat([0, 1, 2], 4).astype(np.uint8)
    coordinates = {
        "longitude": ("cell", longitude),
        "latitude": ("cell", latitude),
        "split": ("sample", split),
        "run": ("sample", np.zeros(12, np.int16)),
        "step": ("sample", np.arange(12, dtype=np.int32)),
    }
    attributes = {
        "channels": ["distance", "cosine", "label"],
        "units": ["K", "m s-1", "1"],
        "sampling": "healpix:4",
        "label_channel": "label",
        "class_names": list(CLASSES),
        "step_hours": 6,
    }
    values = {"data": (("sample", "cell", "channel"), data.astype(np.float32))}
    content = write_store(
        xr.Dataset(values, coordinates, attributes), folder / "weather", fingerprint={}
    )
    write_json(
        folder / "weather.json", {"digest": content["digest"], "simulated": True, "report": {}}
    )


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    plan = Plan(check_configuration(CONFIGURATION))
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_states(Path("data/stores"))
        graph.run(plan.graph("sphere").settings)
        train.run(plan.train("trial", "unet", 0).settings)
    torch.set_num_threads(threads)
    shutil.rmtree(folder / "data/stores")
    return folder / "results/trial/unet/seed-0"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A file of packed numbers on rows from north to south and columns from 180 degrees west."""
    path = tmp_path_factory.mktemp("source") / "in.nc"
    random = np.random.default_rng(1)
    latitude, longitude = 88.75 - 2.5 * np.arange(72), -178.75 + 2.5 * np.arange(144)
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("time", None), ("lev", 1), ("lat", 72), ("lon", 144), ("nv", 2)):
            file.createDimension(name, size)
        axes = {
            "time": (np.arange(4) * 0.25, {"units": "days since 2001-01-01", "calendar": "noleap"}),
            "lev": ([850.0], {"units": "hPa", "positive": "down"}),
            "lat": (latitude, {"units": "degrees_north", "bounds": "lat_bnds"}),
            "lon": (longitude, {"units": "degrees_east", "valid_range": [-180.0, 180.0]}),
        }
        for name, (values, attributes) in axes.items():
            axis = file.createVariable(name, "f4" if name == "lat" else "f8", (name,))
            axis.setncatts(attributes)
            axis[:] = values
        bounds = file.createVariable("lat_bnds", "f8", ("lat", "nv"))
        bounds[:] = latitude[:, None] + [1.25, -1.25]
        file.createVariable("crs", "i4", ()).grid_mapping_name = "latitude_longitude"
        file.createVariable("height", "f8", ()).units = "m"
        file["height"][...] = 2.0
        dimensions = ("time", "lev", "lat", "lon")
        fields = {"t": (280.0, 10.0, "kelvin"), "cosine": (5.0, 2.0, "m/s")}
        for name, (mean, deviation, units) in fields.items():
            own = dimensions if name == "t" else ("time", "lat", "lon")
            field = file.createVariable(name, "i2", own, zlib=True, fill_value=-9999)
            field.setncatts({"scale_factor": 0.01, "add_offset": mean, "units": units})
            field.setncatts({"coordinates": "height", "grid_mapping": "crs"})
            field[:] = random.normal(mean, deviation, [len(file.dimensions[key]) for key in own])
        file.history = "made up"
    return path


def vars_of(file):
    """Return the bytes of variables."""
    return {name: np.ma.getdata(values[...]).tobytes() for name, values in file.variables.items()}


def read(path):
    """Return the numbers and attributes of variables as they are in a file."""
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        return {
            name: (
                variable.dimensions,
                variable.dtype,
                np.asarray(variable[...]).tolist(),
                {key: np.asarray(variable.getncattr(key)).tolist() for key in variable.ncattrs()},
            )
            for name, variable in file.variables.items()
        }


@pytest.fixture(scope="module")
def output(run, source, tmp_path_factory):
    """What the command writes."""
    path = tmp_path_factory.mktemp("output") / "out.nc"
    arguments = ["predict", str(run), str(source), str(path), "--channel", "distance=t"]
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    assert [entry.name for entry in path.parent.iterdir()] == ["out.nc"]
    return path


def test_coordinates_are_those_of_the_file(source, output):
    given, found = read(source), read(output)
    for name in ("time", "lat", "lon", "lat_bnds", "height"):
        assert found[name] == given[name], name
    assert found["crs"][3] == given["crs"][3]
    assert "lev" not in found


def test_the_file_follows_the_conventions(run, output):
    found = read(output)
    words = ("background", "warm_spell", "cold_spell")
    for name, word in zip(CLASSES, words, strict=True):
        dimensions, dtype, _, attributes = found[f"probability_{word}"]
        assert (dimensions, dtype) == (("time", "lat", "lon"), np.float32)
        assert np.isnan(attributes.pop("_FillValue"))
        assert attributes == {
            "long_name": f"probability of {name}",
            "units": "1",
            "coordinates": "height",
            "grid_mapping": "crs",
        }
    _, dtype, _, attributes = found["most_likely_class"]
    assert dtype == np.int8
    assert attributes == {
        "_FillValue": -1,
        "long_name": "most likely class",
        "flag_values": [0, 1, 2],
        "flag_meanings": " ".join(words),
        "coordinates": "height",
        "grid_mapping": "crs",
    }
    with netCDF4.Dataset(output) as file:
        assert set(file.ncattrs()) == {
            "Conventions",
            "title",
            "source",
            "deepsphere_version",
            "sampling",
            "weights_sha256",
        }
        assert file.weights_sha256 == load(run).digest
        assert file.source.endswith("trained run trial, unet, seed 0")


def test_probabilities_are_those_of_the_pixels(run, source, output):
    """A cell whose corners lie in one pixel, by healpy, has the probabilities of that pixel."""
    trained = load(run)
    assert (trained.step_hours, trained.channel_units) == (6, ("K", "m s-1"))
    fields = regrid(source, "healpix:4", variables=["t", "cosine"])
    states = np.stack([fields["t"].values[:, 0], fields["cosine"].values], axis=-1)
    windows = np.stack([states[:-1], states[1:]], axis=1)
    pixels = trained.probabilities(windows)
    np.testing.assert_allclose(pixels.sum(axis=-1), 1, atol=1e-6)
    with xr.open_dataset(output, engine="h5netcdf") as found:
        assert str(found["time"].values[1]) == "2001-01-01 06:00:00"
        latitude, longitude = np.meshgrid(found["lat"], found["lon"], indexing="ij")
        corners = [
            healpy.ang2pix(4, longitude + east, latitude + north, nest=True, lonlat=True)
            for east in (-1.2, 1.2)
            for north in (-1.2, 1.2)
        ]
        whole = np.ptp(corners, axis=0) == 0
        assert whole.mean() > 0.5
        for number, name in enumerate(found.data_vars):
            if not str(name).startswith("probability"):
                continue
            values = found[name].values
            assert np.isnan(values[0]).all()
            truth = pixels[:, corners[0][whole], number - 2]
            np.testing.assert_allclose(values[1:, whole], truth, atol=1e-5)


def test_the_same_run_and_file_give_the_same_answer(run, source, output, tmp_path):
    """Whoever computes it, and with however many threads."""
    predict_file(run, source, tmp_path / "again.nc", {"distance": "t"}, threads=3)
    with netCDF4.Dataset(tmp_path / "again.nc") as again, netCDF4.Dataset(output) as before:
        assert vars_of(again) == vars_of(before)
        assert again.__dict__ == before.__dict__


@pytest.mark.parametrize(
    ("source_name", "output_name", "channels", "message"),
    [
        ("in.nc", "out.zarr", {}, "the output is NetCDF, so .*out.zarr must end with .nc"),
        ("in.nc", "there.nc", {}, "there.nc exists; delete it, or give the result another name"),
        ("none.nc", "out.nc", {}, "none.nc does not exist; check the path"),
        ("in.nc", "out.nc", {}, "the file lacks distance; it has .*t, cosine.*--channel distance="),
        ("in.nc", "out.nc", {"distance": "air"}, r"the file lacks distance .air.; it has"),
        ("in.nc", "out.nc", {"TMQ": "t"}, "the run has no channel 'TMQ'; it has distance, cosine"),
        ("in.nc", "out.nc", {"distance": "cosine"}, "cosine is in 'm/s', but the run was trained"),
    ],
)
def test_what_cannot_be_done(run, source, tmp_path, source_name, output_name, channels, message):
    (tmp_path / "there.nc").write_bytes(b"precious")
    with pytest.raises(DeepsphereError, match=message) as found:
        predict_file(run, source.parent / source_name, tmp_path / output_name, channels)
    assert "\n" not in str(found.value)
    assert (tmp_path / "there.nc").read_bytes() == b"precious"
    assert not (tmp_path / "out.nc").exists()
