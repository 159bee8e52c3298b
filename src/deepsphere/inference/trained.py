"""A trained model with all that its use needs, from the folder of its run.

::

    trained = deepsphere.load("results/ghcn/p4/seed-0")
    trained.predict(last_days, channel="TMAX")  # °C of the next day, from those of the last

The store that it was trained on is not needed, only the run's folder and its graph.
"""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from torch import nn

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json
from deepsphere.graphs.storage import StoredGraph, load_graph
from deepsphere.nn.hierarchy import GraphHierarchy, graph_hierarchy
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.tasks.normalization import Normalization
from deepsphere.tasks.samples import Float
from deepsphere.training.models import build_model, load_weights
from deepsphere.training.record import NORMALIZATION

_MANIFEST = "training.json"
_BATCH_SIZE = 64
_BATCH_VALUES = 1 << 24
_SETTINGS = ("experiment", "variant", "task", "model", "training", "seed")
_USE = (
    "input_channels",
    "input_times",
    "unit",
    "outputs",
    "classes",
    "graph",
    "normalization",
    "channel_units",
    "step_hours",
    "turn",
    "regridding",
)


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model.

    Attributes
    ----------
    model : nn.Module
        In evaluation mode: (batch, pixel, input channel) to what its class says, both normalized.
    hierarchy : GraphHierarchy
        The levels that it works on.
    sampling : str
        Name of the finest level's sampling.
    settings : dict
        Of the run: ``experiment``, ``variant``, ``task``, ``model``, ``training`` and ``seed``.
    digest : str
        SHA-256 of the weights, see :func:`deepsphere.nn.digest.weights_digest`.
    input_channels : int
    input_times : int
        States of an input: if several, they have an axis before that of the pixels.
    normalization : Normalization or None
        From data in their unit to inputs, and from outputs to data. None where these are the same.
    unit : str
        Of :meth:`predict`.
    outputs : tuple of str or None
        Names of what it says side by side, on the last axis of :meth:`predict`: the classes, or
        several numbers. None if it says one number.
    classes : tuple of str or None
        The same of a classification; None for a regression.
    channels : tuple of str
        Names of the task's channels, in the order of inputs that have all of them.
    channel_units : tuple of str or None
        Their units, None where the store did not say.
    step_hours : float or None
        From one state of an input to the next, where the store said.
    turn : float or None
        Degrees that the pixels lie further east on Earth than :attr:`positions` has them; None if
        they lie elsewhere.
    method : str or None
        How states were regridded to the pixels: ``nearest``, ``bilinear`` or ``conservative``; None
        where they were there, or nothing is known.
    winds : tuple of (str, str)
        Channels that were regridded as the eastward and northward components of vectors.
    """

    model: nn.Module = field(repr=False)
    hierarchy: GraphHierarchy = field(repr=False)
    sampling: str
    settings: dict[str, Any]
    digest: str
    input_channels: int
    input_times: int
    normalization: Normalization | None
    unit: str
    outputs: tuple[str, ...] | None
    classes: tuple[str, ...] | None
    channels: tuple[str, ...]
    channel_units: tuple[str | None, ...]
    step_hours: float | None = None
    turn: float | None = 0.0
    method: str | None = None
    winds: tuple[tuple[str, str], ...] = ()

    @property
    def positions(self) -> NDArray[np.float64]:
        """Unit vectors of the pixels of inputs, float64, shape (pixel, 3)."""
        return self.hierarchy.positions[0]

    @property
    def longitude(self) -> NDArray[np.float64]:
        """Degrees east of the pixels of inputs, in [0, 360), float64, shape (pixel,)."""
        longitude, _ = longitude_latitude(self.positions)
        return np.mod(longitude + (self.turn or 0.0), 360.0)

    @property
    def latitude(self) -> NDArray[np.float64]:
        """Degrees north of the pixels of inputs, float64, shape (pixel,)."""
        return longitude_latitude(self.positions)[1]

    def predict(self, values: NDArray[np.floating], channel: str | None = None) -> Float:
        """Apply the model to data in their own unit.

        Parameters
        ----------
        values : ndarray of float, shape (sample, [time,] pixel, input channel)
            The times as in :attr:`input_times`, the last one that which is asked about; the pixels
            as in :attr:`positions`. NaN where nothing is known, which is filled as in training.
        channel : str, optional
            Which of the task's channels the maps are of, where these share the model and there are
            several; see :class:`~deepsphere.tasks.normalization.Normalization`.

        Returns
        -------
        ndarray of float32, shape (sample, [pixel or part,] [output])
            In :attr:`unit`; of a classification, the logits. Models that say something of a whole
            map say it of each part, where its graph has several.

        Raises
        ------
        ValueError
            If there is no sample, or the values have another shape.
        DeepsphereError
            If the channel is missing or unknown.
        """
        times = (self.input_times,) if self.input_times > 1 else ()
        shape = (*times, self.hierarchy.pixels(0), self.input_channels)
        if not len(values) or values.shape[1:] != shape:
            expected = ", ".join(map(str, shape))
            raise ValueError(
                f"expected values of shape (1 or more, {expected}), found {values.shape}"
            )
        inputs = values.astype(np.float32)
        if self.normalization is not None:
            inputs = self.normalization.inputs(values, channel)
        outputs = self._apply(inputs)
        if self.normalization is not None:
            outputs = self.normalization.outputs(outputs, channel)
        return outputs

    def probabilities(self, values: NDArray[np.floating]) -> Float:
        """Return what a model says of classes as probabilities.

        Parameters
        ----------
        values : ndarray of float, shape (sample, [time,] pixel, input channel)
            See :meth:`predict`.

        Returns
        -------
        ndarray of float32, shape (sample, [pixel or part,] class)
            They sum to 1. Of each pixel, or of each part of a map whose graph has several.

        Raises
        ------
        ValueError
            If the model tells no classes apart, or the values have another shape.
        """
        if self.classes is None:
            raise ValueError("expected a model of classes, found one of a regression")
        probabilities: Float = softmax(self.predict(values), axis=-1)
        return probabilities

    def _apply(self, inputs: Float) -> Float:
        device = next(self.model.parameters()).device
        training = self.model.training
        self.model.eval()
        size = max(1, min(_BATCH_SIZE, _BATCH_VALUES // inputs[0].size))
        with torch.inference_mode():
            outputs = [
                self.model(torch.from_numpy(inputs[start : start + size]).to(device))
                for start in range(0, len(inputs), size)
            ]
        self.model.train(training)
        result: Float = torch.cat(outputs).float().cpu().numpy()
        return result


def load(folder: str | os.PathLike[str], device: str | torch.device = "cpu") -> Trained:
    """Return a trained model, ready to use.

    Parameters
    ----------
    folder : path
        Of a run, such as ``"results/ghcn/p4/seed-0"``. It and its graph may be moved, but together.
    device : str or torch.device
        Where the model is put.

    Raises
    ------
    DeepsphereError
        If the run has not ended, something of it is missing, is damaged or is of another run, or
        its graph is not where it was or is another one.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    use = manifest["use"]
    regridding = use["regridding"] or {"method": None, "winds": []}
    graph = _load_graph(folder, use["graph"], manifest["inputs"]["graph"])
    hierarchy = graph_hierarchy(graph)
    # Weights are drawn, only to be replaced; what the caller draws next is not to depend on it.
    with torch.random.fork_rng(devices=[]):
        model = build_model(
            manifest["model"],
            use["input_channels"],
            hierarchy,
            None if use["outputs"] is None else len(use["outputs"]),
            use["input_times"],
        )
    load_weights(model, folder / "model.pt", manifest["digest"])
    return Trained(
        model=model.to(device).eval(),
        hierarchy=hierarchy,
        sampling=graph.levels[0].sampling,
        settings={name: manifest[name] for name in _SETTINGS},
        digest=manifest["digest"],
        input_channels=use["input_channels"],
        input_times=use["input_times"],
        normalization=_load_normalization(folder, use["normalization"]),
        unit=use["unit"],
        outputs=None if use["outputs"] is None else tuple(use["outputs"]),
        classes=None if use["classes"] is None else tuple(use["classes"]),
        channels=tuple(manifest["task"]["channels"]),
        channel_units=tuple(use["channel_units"]),
        step_hours=use["step_hours"],
        turn=use["turn"],
        method=regridding["method"],
        winds=tuple((east, north) for east, north in regridding["winds"]),
    )


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    manifest = read_json(path, "manifest of the training")
    expected = (*_SETTINGS, "inputs", "digest", "use")
    whole = isinstance(manifest, dict) and manifest.keys() >= {*expected}
    if not whole or not manifest["use"].keys() >= {*_USE}:
        raise DeepsphereError(
            f"{path} is no manifest of a training, or one of another version; "
            f"it needs {', '.join(expected)}, and in use {', '.join(_USE)}; train again"
        )
    found: dict[str, Any] = manifest
    return found


def _load_graph(folder: Path, place: str, digest: str) -> StoredGraph:
    graph = Path(os.path.normpath(folder / place))
    if not graph.is_dir():
        raise DeepsphereError(
            f"{folder}: the graph of this run is not at {graph}; "
            "move a run together with its graph, or run the graph stage again"
        )
    return load_graph(graph, digest)


def _load_normalization(folder: Path, described: dict[str, Any] | None) -> Normalization | None:
    if described is None:
        return None
    path = folder / NORMALIZATION
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DeepsphereError(f"{path} does not exist; train again") from None
    if hashlib.sha256(content).hexdigest() != described["sha256"]:
        raise DeepsphereError(f"{path} is not the file that its manifest promises; train again")
    return Normalization.from_bytes(content, tuple(described["channels"]), described["layout"])
