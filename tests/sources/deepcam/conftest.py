"""Small files of DeepCAM, in the layouts of both editions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

ROWS, COLUMNS = 24, 36


@pytest.fixture
def write_state(tmp_path: Path) -> Callable[..., str]:
    """Write a state below ``tmp_path / "raw"`` and return its name there.

    Channel number c is c + the sine of the latitude; the label is 2 in the eastern hemisphere.
    """

    def write(name: str, edition: str = "mlperf", **changed: Any) -> str:
        sines = np.sin(np.radians(np.linspace(-90, 90, ROWS)))
        data = np.broadcast_to(
            sines[:, np.newaxis, np.newaxis] + np.arange(16.0), (ROWS, COLUMNS, 16)
        )
        labels = np.broadcast_to(np.where(np.arange(COLUMNS) < 18, 2, 0), (ROWS, COLUMNS))
        if edition == "portal":
            arrays = {"climate/data": np.moveaxis(data, 2, 0), "climate/labels": labels}
        else:
            arrays = {"climate/data": data, "climate/labels_0": labels}
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            for key, values in {**arrays, **changed}.items():
                if values is not None:
                    file[key] = values.astype(np.float32)
        return name

    return write
