"""Trained models for other programs: PyTorch's exported programs, and weights as safetensors.

Take a program (:func:`export_program`) where the network is to run without its Python code; take
weights (:func:`save_safetensors`) where it is to be built again, by this package or by another.
Both carry what :attr:`~deepsphere.inference.trained.Trained.settings` says. Neither holds the
normalization of data: inputs and outputs are the model's own.
"""

import io
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from deepsphere.errors import DeepsphereError
from deepsphere.files import canonical_json, write_bytes
from deepsphere.inference.trained import Trained
from deepsphere.nn.digest import weights_digest

DESCRIPTION = "deepsphere.json"
"""Name of the description within a program, and of the entry in the metadata of weights."""


def export_program(trained: Trained, path: str | os.PathLike[str]) -> None:
    """Write a model as a program of :mod:`torch.export`, for any batch of at least one.

    ``torch.export.load(path).module()`` runs it on the kind of device that the model was on. Its
    convolutions are operators of this package, so ``import deepsphere.nn.blocks`` comes first.

    Parameters
    ----------
    trained : Trained
    path : path
        Of the file to write, such as ``model.pt2``.

    Notes
    -----
    The description lies beside the program in the file::

        description = {DESCRIPTION: ""}
        torch.export.load(path, extra_files=description)

    PyTorch promises to read such files again only in the version that wrote them.
    """
    device = next(trained.model.parameters()).device
    inputs = torch.zeros(2, trained.hierarchy.pixels(0), trained.input_channels, device=device)
    shapes = ({0: torch.export.Dim("batch", min=1)},)
    program = torch.export.export(trained.model, (inputs,), dynamic_shapes=shapes)
    stream = io.BytesIO()
    torch.export.save(program, stream, extra_files={DESCRIPTION: _description(trained)})
    write_bytes(Path(path), stream.getvalue())


def save_safetensors(trained: Trained, path: str | os.PathLike[str]) -> None:
    """Write a model's weights as safetensors, with the description in the metadata.

    Parameters
    ----------
    trained : Trained
    path : path
        Of the file to write, such as ``model.safetensors``.
    """
    weights = {name: value.cpu() for name, value in trained.model.state_dict().items()}
    # A single entry, as the order of several is another one each time that they are written.
    write_bytes(Path(path), save(weights, metadata={DESCRIPTION: _description(trained)}))


def load_safetensors(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what :func:`save_safetensors` wrote.

    Returns
    -------
    weights : dict of str to Tensor
        For ``load_state_dict``, on the CPU.
    description : dict
        ``settings``, ``digest``, ``sampling``, ``input_channels``, ``input_times``, ``unit``,
        ``outputs`` and ``classes``, as in :class:`~deepsphere.inference.trained.Trained`.

    Raises
    ------
    DeepsphereError
        If the file is missing, damaged or without description, or its weights are not those that
        the description promises.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise DeepsphereError(
            f"{path} cannot be read as safetensors ({error}); write it again"
        ) from None
    if DESCRIPTION not in metadata:
        raise DeepsphereError(
            f"{path} has no {DESCRIPTION} in its metadata; it was not written by this package"
        )
    description: dict[str, Any] = json.loads(metadata[DESCRIPTION])
    if weights_digest(weights) != description["digest"]:
        raise DeepsphereError(
            f"{path} does not hold the weights that its description promises; write it again"
        )
    return weights, description


def _description(trained: Trained) -> str:
    return canonical_json(
        {
            "settings": trained.settings,
            "digest": weights_digest(trained.model.state_dict()),
            "sampling": trained.sampling,
            "input_channels": trained.input_channels,
            "input_times": trained.input_times,
            "unit": trained.unit,
            "outputs": None if trained.outputs is None else list(trained.outputs),
            "classes": None if trained.classes is None else list(trained.classes),
        }
    )
