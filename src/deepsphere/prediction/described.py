"""Answers as a data set that follows the CF conventions, the same for the same run and file."""

import re
from collections import Counter
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import xarray as xr

from deepsphere.inference.trained import Trained
from deepsphere.prediction.kept import keep
from deepsphere.prediction.layout import Layout

MOST_LIKELY = "most_likely_class"
"""Name of the variable with the number of a class."""

NO_CLASS = -1
"""Its value where there is none."""


def describe(
    trained: Trained,
    layout: Layout,
    space: tuple[str, ...],
    probabilities: Sequence[Any],
    chosen: Any,
) -> xr.Dataset:
    """Return answers with their attributes and the coordinates of the fields.

    Parameters
    ----------
    trained : Trained
        Whose they are.
    layout : Layout
        Where the fields lie.
    space : tuple of str
        Dimensions of the answers after those of states.
    probabilities : sequence of array
        Those of each class.
    chosen : array
        The most likely class, a whole number.
    """
    classes = trained.classes or ()
    words = class_words(classes)
    results: dict[str, xr.Variable] = {}
    found = (*layout.sizes, *space)
    order = [key for key in map(str, layout.dataset[layout.template].dims) if key in found]
    for name, word, values in zip(classes, words, probabilities, strict=True):
        attributes = {"long_name": f"probability of {name}", "units": "1"}
        results[f"probability_{word}"] = xr.Variable(found, values, attributes)
    dtype = chosen.dtype.type
    results[MOST_LIKELY] = xr.Variable(
        found,
        chosen,
        {
            "long_name": "most likely class",
            "flag_values": [dtype(number) for number in range(len(classes))],
            "flag_meanings": " ".join(words),
        },
        {"_FillValue": dtype(NO_CLASS)},
    )
    results = {name: variable.transpose(*order) for name, variable in results.items()}
    kept = keep(layout.dataset, layout.template, found, results)
    if kept.grid_mapping is not None and space:
        for variable in results.values():
            variable.attrs["grid_mapping"] = kept.grid_mapping
    return xr.Dataset(kept.others | results, kept.coordinates, _attributes(trained))


def class_words(classes: Sequence[str]) -> list[str]:
    """Return the names of classes as words for names of variables, or their numbers.

    Classes whose names have no letters of the Latin alphabet, or the same ones, get their numbers.
    """
    words = [re.sub("[^a-z0-9]+", "_", name.lower()).strip("_") for name in classes]
    counts = Counter(words)
    return [
        word if word and counts[word] == 1 else str(number) for number, word in enumerate(words)
    ]


def _attributes(trained: Trained) -> dict[str, Any]:
    settings, version = trained.settings, metadata.version("deepsphere-pipeline")
    run = f"{settings['experiment']}, {settings['variant']}, seed {settings['seed']}"
    return {
        "Conventions": "CF-1.13",
        "title": f"Probabilities of {', '.join(trained.classes or ())}",
        "source": f"deepsphere {version}, trained run {run}",
        "deepsphere_version": version,
        "sampling": trained.sampling,
        "weights_sha256": trained.digest,
    }
