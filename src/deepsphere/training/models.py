"""A run's model: made from its settings, and given its weights again."""

from pathlib import Path
from typing import Any

from torch import nn

from deepsphere import registry
from deepsphere.errors import DeepsphereError
from deepsphere.nn.digest import weights_digest
from deepsphere.nn.hierarchy import GraphHierarchy
from deepsphere.training.checkpoint import load_tensors


def build_model(settings: dict[str, Any], in_channels: int, hierarchy: GraphHierarchy) -> nn.Module:
    """Return the model of a run, with random weights.

    Parameters
    ----------
    settings : dict
        The model's: its ``kind``, and what that kind takes.
    in_channels : int
        Channels of a sample's input.
    hierarchy : GraphHierarchy
        The levels that it works on.
    """
    arguments = dict(settings)
    model_class = registry.load("models", arguments.pop("kind")).Model
    model: nn.Module = model_class(in_channels=in_channels, hierarchy=hierarchy, **arguments)
    return model


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
