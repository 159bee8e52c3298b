"""What a run's manifest says about the use of its model, beside what it was trained with.

:func:`record_use` writes it when the training has ended; :mod:`deepsphere.inference.trained` reads
it. With it and the graph, a model can be used without the store that it was trained on.
"""

import hashlib
import os
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.files import write_bytes
from deepsphere.registry import load
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.stores.reader import Store
from deepsphere.tasks.normalization import find_normalization
from deepsphere.tasks.samples import Samples

NORMALIZATION = "normalization.npz"
"""Name of the file with the statistics, in the run's folder."""

# Chord between places that are one: of coordinates in single precision.
_ONE_PLACE = 1e-5
_COMPARED = 10_000


def record_use(settings: dict[str, Any], store: Store, samples: Samples) -> dict[str, Any]:
    """Write a run's statistics into its folder, and return what belongs into its manifest.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.train`.
    store : Store
        The one that they are of.
    samples : Samples
        Those that the model was trained on.

    Returns
    -------
    dict
        ``input_channels``, ``input_times``, ``unit``, ``outputs`` and ``classes`` (names or None),
        ``graph`` (its folder, as seen from the run's) and ``normalization``: None, or its
        ``channels`` and ``layout``, and the ``sha256`` of :data:`NORMALIZATION`. Then
        ``channel_units``, those of the task's channels; ``step_hours``, the time from a state to
        the next, or None; ``turn``, see :func:`find_turn`; and ``regridding``, how states came to
        the pixels (``method``, and the pairs of channels ``winds`` as vectors), or None.
    """
    folder, task = Path(settings["folder"]), settings["task"]
    normalization = find_normalization(tuple(task["channels"]), samples)
    described = None
    if normalization is not None:
        content = normalization.to_bytes()
        write_bytes(folder / NORMALIZATION, content)
        described = {
            "channels": list(normalization.channels),
            "layout": normalization.layout,
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    return {
        "input_channels": samples.input_channels,
        "input_times": samples.input_times,
        "unit": samples.unit,
        "outputs": None if samples.outputs is None else list(samples.outputs),
        "classes": None if samples.classes is None else list(samples.classes),
        "graph": PurePath(os.path.relpath(settings["graph"], folder)).as_posix(),
        "normalization": described,
        "channel_units": _units_of(store, task["channels"]),
        "step_hours": store.attrs.get("step_hours"),
        "turn": find_turn(store),
        "regridding": store.attrs.get("regridding"),
    }


def find_turn(store: Store) -> float | None:
    """Return how far east of the places of its sampling the pixels of a store lie.

    The meshes of one data set are, by its authors' convention, half a turn away from where their
    values are on Earth.

    Returns
    -------
    float or None
        Degrees, from 0 to 360; None if no turn about the axis leads from the one to the other. A
        store that names no sampling, or no longitudes, has 0.
    """
    if "sampling" not in store.attrs or "longitude" not in store.coordinates:
        return 0.0
    kind, _, parameters = store.attrs["sampling"].partition(":")
    try:
        positions = load("samplings", kind).parse(parameters).positions
    except (DeepsphereError, AttributeError):
        # Stations, say, are made from more than a name.
        return None
    if len(positions) != len(store.longitude):
        return None
    some = np.linspace(0, len(positions) - 1, min(len(positions), _COMPARED)).astype(np.int64)
    found = unit_vectors(store.longitude[some], store.latitude[some])
    planes = [vectors[:, 0] + 1j * vectors[:, 1] for vectors in (positions[some], found)]
    angle = np.angle(np.vdot(*planes))
    plane = planes[0] * np.exp(1j * angle)
    turned = np.column_stack([plane.real, plane.imag, positions[some, 2]])
    if np.abs(turned - found).max() > _ONE_PLACE:
        return None
    return float(np.round(np.degrees(angle), 6) % 360)


def _units_of(store: Store, channels: list[str]) -> list[str | None]:
    units = dict(zip(store.channels, store.attrs.get("units", ()), strict=False))
    return [units.get(channel) for channel in channels]
