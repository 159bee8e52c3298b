"""A small archive of the climate states, in the publisher's own layout."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.samplings.ugscnn import Ugscnn
from deepsphere.sources.climate.samples import places
from deepsphere.sources.climate.statistics import STATISTICS

ORDER = Ugscnn(3, "upward")


@pytest.fixture
def write_state(tmp_path: Path) -> Callable[..., str]:
    """Write a smooth state below ``tmp_path / "raw"`` and return its name there.

    Every channel is its published mean, and its deviation times a harmonic of degree 1 of the
    place; the label is 1 near 0°E 0°N and 2 near the north pole.
    """

    def write(
        date: str = "2106-01-01-00-1",
        order: Ugscnn = ORDER,
        folder: str = "data_5_all",
        **changed: np.ndarray,
    ) -> str:
        vertices = unit_vectors(*places(order))
        slot = int(date.split("-")[3])
        smooth = vertices @ (np.sin(slot), np.cos(slot), 0.3)
        data = np.array([mean + deviation * smooth for mean, deviation in STATISTICS.values()])
        labels = np.zeros((3, len(order)))
        classes = np.where(vertices[:, 0] > 0.95, 1, np.where(vertices[:, 2] > 0.9, 2, 0))
        labels[classes, np.arange(len(order))] = 1
        name = f"{folder}/data-{date}-mesh.npz"
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **{"data": data.astype(np.float32), "labels": labels, **changed})
        return name

    return write
