"""A run's model: made from its settings, and given its weights again."""

from pathlib import Path
from typing import Any

from torch import nn

from deepsphere import registry
from deepsphere.errors import DeepsphereError
from deepsphere.nn.digest import weights_digest
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.nn.temporal import StackedWindows
from deepsphere.training.checkpoint import load_tensors

_OUT_CHANNELS = {"classifier": "classes", "planar-classifier": "classes"}
"""What kinds of model call the number of their outputs, if not ``out_channels``."""

_RECURRENT = ("recurrent", "recurrent-unet")
"""Kinds of model that take windows of states as they are."""


def build_model(
    settings: dict[str, Any],
    in_channels: int,
    hierarchy: GraphHierarchy,
    outputs: int | None = None,
    times: int = 1,
) -> nn.Module:
    """Return the model of a run, with random weights.

    Parameters
    ----------
    settings : dict
        The model's: its ``kind``, and what that kind takes.
    in_channels : int
        Channels of a sample's input, at one time.
    hierarchy : GraphHierarchy
        The levels that it works on.
    outputs : int, optional
        How many numbers it says of a map, or of a pixel: one a class, say. Without it, as many as
        the model says by default.
    times : int
        States of a sample's input. Of several, a model that is not recurrent gets the channels side
        by side.
    """
    arguments = dict(settings)
    kind = arguments.pop("kind")
    if outputs is not None:
        arguments[_OUT_CHANNELS.get(kind, "out_channels")] = outputs
    stacked = times > 1 and kind not in _RECURRENT
    channels = in_channels * times if stacked else in_channels
    model_class = registry.load("models", kind).Model
    model: nn.Module = model_class(in_channels=channels, hierarchy=hierarchy, **arguments)
    return StackedWindows(model) if stacked else model


def load_weights(model: nn.Module, path: Path, digest: str) -> None:
    """Give a model the weights that a training left.

    Parameters
    ----------
    model : nn.Module
    path : Path
        Of ``model.pt``.
    digest : str
        What :func:`deepsphere.nn.digest.weights_digest` gave for them.

    Raises
    ------
    DeepsphereError
        If the file is missing or damaged, holds other weights, or those of another version of the
        model.
    """
    weights = load_tensors(path)
    if weights_digest(weights) != digest:
        raise DeepsphereError(f"{path} is not the model that its manifest promises; train again")
    expected = {name: value.shape for name, value in model.state_dict().items()}
    found = {name: value.shape for name, value in weights.items()}
    if expected != found:
        names = ", ".join(sorted(dict(expected.items() ^ found.items())))
        raise DeepsphereError(
            f"{path} was trained with another version of {type(model).__name__}, whose {names} "
            "differ; train again, or use that version"
        )
    model.load_state_dict(weights)
