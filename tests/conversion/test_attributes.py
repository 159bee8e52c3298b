import json

import numpy as np

from deepsphere.conversion.attributes import field_attributes, plain_attributes


def test_attributes_become_plain():
    given = {
        "one": np.float32(1.5),
        "many": np.array([1, 2], np.int8),
        "text": b"caf\xc3\xa9",
        "nan": np.nan,
        "nans": np.array([1, np.inf]),
        "object": object(),
        "names": np.array(["a", "b"]),
        "flag": np.True_,
    }
    plain = plain_attributes(given)
    assert plain == {
        "one": 1.5,
        "many": [1, 2],
        "text": "café",
        "names": ["a", "b"],
        "flag": True,
    }
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_what_was_true_of_the_file_alone_is_left_out():
    given = {
        "units": "K",
        "scale_factor": 0.1,
        "_FillValue": -1,
        "coordinates": "a b",
        "grid_mapping": "crs",
        "GRIB_gridType": "regular_ll",
        "CDI_grid_type": "unstructured",
    }
    assert field_attributes(given) == {"units": "K"}
