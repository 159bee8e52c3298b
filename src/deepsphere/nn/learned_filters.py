"""The filters that a trained model has, as the evaluation keeps them for the report.

One file a run, ``filters.npz``, with the views of some filters of some layers. It is small, and
spares the report the graphs and the weights.
:func:`deepsphere.nn.model_filters.model_filters` makes the views, and
:func:`deepsphere.report.filters.plot_filters` draws them.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

Float = NDArray[np.float64]
Curves = tuple[Float, Float]

_CURVES = ("response", "around", "eastward", "northward", "plane")
_LAYERS = "layers"


class Views(Protocol):
    """Some filters, each seen in all ways: what
    :func:`~deepsphere.report.filters.plot_filters` draws.

    :class:`deepsphere.nn.filters.FilterViews` says what all of it is, and has it.
    """

    @property
    def channels(self) -> NDArray[np.int64]:
        """Input and output channel of each filter, shape (filter, 2)."""

    @property
    def coefficients(self) -> Float:
        """Chebyshev coefficients, shape (kernel_size, filter)."""

    @property
    def response(self) -> Curves:
        """Eigenvalues, and the responses there, shape (eigenvalue, filter)."""

    @property
    def degrees(self) -> tuple[NDArray[np.int64], Float] | None:
        """Degrees of spherical harmonics and their eigenvalues, if they are known."""

    @property
    def around(self) -> Curves:
        """Distances from the pixel in radians, and the impulse responses, (place, filter)."""

    @property
    def eastward(self) -> Curves:
        """The same along a great circle to the east, with negative distances in the west."""

    @property
    def northward(self) -> Curves:
        """The same along a great circle to the north, with negative distances in the south."""

    @property
    def plane(self) -> Curves:
        """Gnomonic coordinates, east and north, and the impulse responses there."""

    @property
    def extent(self) -> float:
        """To which distance the view goes, in radians."""


@dataclass(frozen=True, eq=False)
class LearnedFilters:
    """Views of some filters; see :class:`deepsphere.nn.filters.FilterViews`."""

    channels: NDArray[np.int64]
    coefficients: Float
    response: Curves
    degrees: tuple[NDArray[np.int64], Float] | None
    around: Curves
    eastward: Curves
    northward: Curves
    plane: Curves
    extent: float


def save_filters(stream: IO[bytes], layers: Mapping[str, Views]) -> None:
    """Write the views of some filters of some layers.

    Parameters
    ----------
    stream : binary file
    layers : dict of str to views
        By the name of the layer; none for a model that has no filters.
    """
    arrays: dict[str, NDArray[np.generic]] = {_LAYERS: np.array(list(layers), np.str_)}
    for number, views in enumerate(layers.values()):
        found = {
            "channels": views.channels,
            "coefficients": views.coefficients,
            "extent": np.float64(views.extent),
        }
        for name in _CURVES:
            found[f"{name}-places"], found[f"{name}-values"] = getattr(views, name)
        if views.degrees is not None:
            found["degrees-places"], found["degrees-values"] = views.degrees
        arrays |= {f"{number}-{name}": np.asarray(value) for name, value in found.items()}
    np.savez(stream, allow_pickle=False, **arrays)


def read_filters(path: Path) -> dict[str, LearnedFilters]:
    """Read what :func:`save_filters` wrote.

    Raises
    ------
    DeepsphereError
        If the file is damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {
                str(layer): _read_layer(
                    {
                        name.removeprefix(f"{number}-"): arrays[name]
                        for name in arrays
                        if name.startswith(f"{number}-")
                    }
                )
                for number, layer in enumerate(arrays[_LAYERS])
            }
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DeepsphereError(
            f"filters: {path} is damaged ({error}); run the evaluate stage again"
        ) from None


def _read_layer(arrays: Mapping[str, NDArray[np.float64]]) -> LearnedFilters:
    def pair(name: str) -> Curves:
        return arrays[f"{name}-places"], arrays[f"{name}-values"]

    degrees = None
    if "degrees-places" in arrays:
        places, values = pair("degrees")
        degrees = places.astype(np.int64), values
    return LearnedFilters(
        channels=arrays["channels"].astype(np.int64),
        coefficients=arrays["coefficients"],
        degrees=degrees,
        extent=float(arrays["extent"]),
        response=pair("response"),
        around=pair("around"),
        eastward=pair("eastward"),
        northward=pair("northward"),
        plane=pair("plane"),
    )
