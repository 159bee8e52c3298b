"""The filters that a trained model has, as the evaluation keeps them for the report.

One file a run, ``filters.npz``, with the views of some filters of some layers. It is small, and
spares the report the graphs, the weights and PyTorch, which this module does without.
:func:`deepsphere.nn.filters.filter_views` makes the views of a layer,
:func:`deepsphere.nn.model_filters.model_filters` those of a model, and
:func:`deepsphere.report.filters.plot_filters` draws them.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError

Float = NDArray[np.float64]
Curves = tuple[Float, Float]
"""Places, and the values of all filters there, shape (place, filter)."""

_CURVES = ("response", "around", "eastward", "northward", "plane")
_LAYERS = "layers"


@dataclass(frozen=True, eq=False)
class FilterViews:
    """Some filters of a layer, seen in all ways. All arrays are float64 but for the channels.

    Attributes
    ----------
    channels : ndarray of int64, shape (filter, 2)
        Input and output channel of each filter.
    coefficients : ndarray, shape (kernel_size, filter)
        See :func:`~deepsphere.nn.filters.chebyshev_coefficients_of`.
    response : (eigenvalues, responses)
        See :func:`~deepsphere.nn.filters.spectral_response`.
    degrees : (degrees, eigenvalues) or None
        Some degrees l and their eigenvalues; see
        :func:`~deepsphere.nn.filters.degree_eigenvalues`. None if not known.
    around : (angles, values)
        Impulse response of all pixels in view over their distance; see
        :func:`~deepsphere.nn.sections.section`.
    eastward, northward : (angles, values)
        The same along the great circles through the pixel to east and north.
    plane : (coordinates, values)
        The same over the gnomonic coordinates of the pixels in view; see
        :func:`~deepsphere.nn.sections.gnomonic`.
    extent : float
        To which distance from the pixel the view goes, in radians.

    Raises
    ------
    ValueError
        If they are not of as many filters.
    """

    channels: NDArray[np.int64]
    coefficients: Float
    response: Curves
    degrees: tuple[NDArray[np.int64], Float] | None
    around: Curves
    eastward: Curves
    northward: Curves
    plane: Curves
    extent: float

    def __post_init__(self) -> None:
        curves = self.response, self.around, self.eastward, self.northward, self.plane
        filters = [self.coefficients.shape[-1], *(values.shape[-1] for _, values in curves)]
        if set(filters) != {len(self.channels)}:
            raise ValueError(f"expected values of {len(self.channels)} filters, found {filters}")


def save_filters(stream: IO[bytes], layers: Mapping[str, FilterViews]) -> None:
    """Write the views of some filters of some layers.

    Parameters
    ----------
    stream : binary file
    layers : dict of str to FilterViews
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


def read_filters(path: Path) -> dict[str, FilterViews]:
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
    except (IndexError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise DeepsphereError(
            f"filters: {path} is damaged ({error}); run the evaluate stage again"
        ) from None


def _read_layer(arrays: Mapping[str, NDArray[np.float64]]) -> FilterViews:
    def pair(name: str) -> Curves:
        return arrays[f"{name}-places"], arrays[f"{name}-values"]

    degrees = None
    if "degrees-places" in arrays:
        places, values = pair("degrees")
        degrees = places.astype(np.int64), values
    return FilterViews(
        channels=arrays["channels"].astype(np.int64),
        coefficients=arrays["coefficients"],
        degrees=degrees,
        extent=float(arrays["extent"]),
        **{name: pair(name) for name in _CURVES},
    )
