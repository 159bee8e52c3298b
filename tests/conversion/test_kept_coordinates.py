import numpy as np

from deepsphere.conversion.kept_coordinates import kept_coordinates
from deepsphere.conversion.places import Finder


def test_what_has_no_space_is_kept_and_decoded(make_dataset):
    dataset = make_dataset()
    dataset["t"].attrs["coordinates"] = "height orography run missing"
    dataset["height"] = ((), np.int16(20), {"scale_factor": 0.1, "units": "m"})
    dataset["orography"] = (("lat", "lon"), np.zeros((18, 36)))
    dataset["run"] = ("member", [1.0, 2.0])
    dataset["time"].attrs["bounds"] = "time_bnds"
    dataset["time_bnds"] = (("time", "nv"), np.arange(6).reshape(3, 2))
    fields = {"t": Finder(dataset).find("t")}
    kept = kept_coordinates(dataset, fields, [])
    assert kept.keys() == {"time", "time_bnds", "height"}
    assert kept["height"].values == 2
    assert kept["height"].attrs == {"units": "m"}
    assert kept["time_bnds"].values[0, 1] == np.datetime64("2000-01-02")
    assert "time" not in kept_coordinates(dataset, fields, ["time"])
