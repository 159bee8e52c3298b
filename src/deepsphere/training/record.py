"""What a run's manifest says about the use of its model, beside what it was trained with.

:func:`record_use` writes it when the training has ended; :mod:`deepsphere.inference.trained` reads
it. With it and the graph, a model can be used without the store that it was trained on.
"""

import hashlib
import os
from pathlib import Path, PurePath
from typing import Any

from deepsphere.files import write_bytes
from deepsphere.tasks.normalization import find_normalization
from deepsphere.tasks.samples import Samples

NORMALIZATION = "normalization.npz"
"""Name of the file with the statistics, in the run's folder."""


def record_use(settings: dict[str, Any], samples: Samples) -> dict[str, Any]:
    """Write a run's statistics into its folder, and return what belongs into its manifest.

    Parameters
    ----------
    settings : dict
        See :meth:`deepsphere.plan.Plan.train`.
    samples : Samples
        Those that the model was trained on.

    Returns
    -------
    dict
        ``input_channels``, ``input_times``, ``unit``, ``classes`` (names or None), ``graph`` (its
        folder, as seen from the run's) and ``normalization``: None, or its ``channels`` and
        ``layout``, and the ``sha256`` of :data:`NORMALIZATION`.
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
        "classes": None if samples.classes is None else list(samples.classes),
        "graph": PurePath(os.path.relpath(settings["graph"], folder)).as_posix(),
        "normalization": described,
    }
