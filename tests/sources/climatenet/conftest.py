"""Small files of ClimateNet, in the publisher's own layout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from deepsphere.sources.fields.channels import NAMES

ROWS, COLUMNS = 24, 36


@pytest.fixture
def write_state(tmp_path: Path) -> Callable[..., str]:
    """Write a state below ``tmp_path / "raw"`` and return its name there.

    Channel number c is c + the sine of the latitude; the label is 1 north of 60°N and 2 south of
    60°S. Arguments replace a variable, or leave it out where they are None.
    """

    def write(name: str, **changed: Any) -> str:
        latitude = np.linspace(-90, 90, ROWS)
        field = np.repeat(np.sin(np.radians(latitude))[:, np.newaxis], COLUMNS, axis=1)
        labels = np.where(field > 0.87, 1, np.where(field < -0.87, 2, 0))
        variables = {
            "lat": latitude,
            "lon": 10.0 * np.arange(COLUMNS),
            "time": np.zeros(1),
            **{
                channel: (field + number)[np.newaxis].astype("f4")
                for number, channel in enumerate(NAMES)
            },
            "LABELS": labels.astype("i4"),
            **changed,
        }
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            for key, values in variables.items():
                if values is not None:
                    packing = {"compression": "gzip", "shuffle": True} if values.ndim > 1 else {}
                    file.create_dataset(key, data=values, chunks=values.shape, **packing)
        return name

    return write
