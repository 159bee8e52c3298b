"""How much the output of a model changes, beyond what it should, when the sphere is rotated.

Of a rotated map, a model should give the same numbers where its outputs are a few numbers a map,
such as classes, and the same outputs at rotated places where they are a map themselves.

- :func:`symmetry_error` asks that of the rotations that only swap pixels, such as those of
  :mod:`deepsphere.samplings.symmetries`. Nothing is interpolated, so what a model leaves is
  rounding, if its graphs have these symmetries, as those with fitted weights on HEALPix do: take
  it to test that a model is right.
- :func:`rotation_error` asks it of any rotation. It is never zero, since no sampling is symmetric
  under them all: take it to compare models, samplings and graphs. For a Laplacian by itself, see
  :mod:`deepsphere.graphs.equivariance`.

Any callable from features to outputs can be measured, of one map or of maps over time. Outputs of
shape (batch, pixel) or (batch, pixel, channel), or (batch, time, pixel, channel) as the features,
are taken for maps, with as many pixels as the features have. Those of any other shape, such as
(batch,) and (batch, class), are taken for some numbers a map; so a model with as many classes as
pixels cannot be measured.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor, nn

from deepsphere.nn.band_limited import NearestFunctions, harmonics_up_to, isotropic_coefficients


def symmetry_error(
    model: Callable[[Tensor], Tensor], features: Tensor, permutation: NDArray[np.int64]
) -> Tensor:
    """Return how much the output of each map changes when its pixels are swapped by a symmetry.

    It is |f(Px) - f(x)| / |f(x)| where a model f has some outputs a map, and
    |f(Px) - P f(x)| / |f(x)| where it has outputs a pixel.

    Parameters
    ----------
    model : callable
        In evaluation mode, if it is a module.
    features : Tensor, shape (batch, pixel, channel) or (batch, time, pixel, channel)
    permutation : ndarray of int64, shape (pixel,)
        Where in x each pixel of Px comes from, as from
        :func:`~deepsphere.samplings.symmetries.symmetries`.

    Returns
    -------
    Tensor of float64, shape (batch,)
        On the CPU. Norms are Euclidean, over all outputs of a map; 0 where nothing changes, and
        infinite where only the output of the original map is zero.

    Raises
    ------
    ValueError
        If a shape is another, or a model is in training mode.
    """
    _check_evaluation(model)
    if features.ndim not in (3, 4) or permutation.shape != (features.shape[-2],):
        raise ValueError(
            "expected features of shape (batch, pixel, channel) or (batch, time, pixel, channel) "
            "and a permutation of their pixels, "
            f"found shapes {tuple(features.shape)} and {permutation.shape}"
        )
    order = torch.as_tensor(permutation, device=features.device)
    before = _outputs(model, features)
    after = _outputs(model, features.index_select(-2, order))
    expected = before[:, order.cpu()] if before.ndim == 3 else before
    return _relative(after - expected, before)


def rotation_error(
    model: Callable[[Tensor], Tensor],
    positions: NDArray[np.float64],
    degree: int,
    *,
    areas: NDArray[np.float64] | None = None,
    channels: int = 1,
    times: int | None = None,
    maps: int = 8,
    rotations: int = 8,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    r"""Return how much outputs change with random rotations of random functions.

    The functions x are isotropic and Gaussian, :math:`x = \sum_{l,m} c_{lm} Y_{lm}`. A rotated one,
    :math:`(Rx)(p) = x(R^{-1} p)`, is the same sum at other points: it is exact, whatever the
    sampling. The error is

    - :math:`|f(Rx) - f(x)| / |f(x)|` where a model f has some outputs a map;
    - :math:`|\Pi f(Rx) - R\, \Pi f(x)| / |\Pi f(x)|` where it has outputs a pixel.
      They are known at the pixels only, so they are replaced by the function
      :math:`\Pi f` of the same degrees that is nearest to them at the pixels, by least squares
      weighted with areas: that one can be rotated exactly, too, and its norm is the one on the
      sphere. A model that keeps the degrees has the error of all its output. Of others, what goes
      to higher degrees is left out, but for what the pixels cannot tell from low ones.

    Parameters
    ----------
    model : callable
        From features of shape (map, pixel, channel), or (map, time, pixel, channel) with times, in
        evaluation mode if it is a module.
    positions : ndarray of float64, shape (pixel, 3)
        Unit vectors, over the whole sphere: what is rotated out of a part of it is lost.
    degree : int
        The highest degree l of the functions. The harmonics take 8 (degree + 1)² bytes a pixel.
    areas : ndarray of float64, optional, shape (pixel,)
        What each pixel stands for, in any unit; all the same by default. For outputs a pixel.
    channels : int
        Of the features, which are independent.
    times : int, optional
        For models of maps over time: how many, which are independent, and rotated alike.
    maps, rotations : int
        How many functions, and how many rotations of each.
    seed : int
        Of their random draw.
    dtype, device
        Of the features.

    Returns
    -------
    Tensor of float64, shape (rotation, map)
        On the CPU; its mean estimates the expected error. Norms are over all outputs of a map.

    Raises
    ------
    ValueError
        If a number is below 1 (a degree below 0), shapes do not fit, a model is in training mode,
        or outputs a pixel are asked for at pixels that do not tell such harmonics apart.

    Notes
    -----
    The functions have mean 0 and variance 1 at every point, an equal share of it in each degree.
    The rotations are uniform (Haar measure). An output that depends little on its input changes
    little with rotations: compare it to the change from one map to another.
    """
    _check_evaluation(model)
    of_each = 1 if times is None else times
    if degree < 0 or min(channels, of_each, maps, rotations) < 1:
        raise ValueError(
            "expected a degree from 0 and at least 1 of the others, "
            f"found {degree=}, {channels=}, {times=}, {maps=}, {rotations=}"
        )
    areas = np.ones(len(positions)) if areas is None else areas
    if areas.shape != (len(positions),):
        raise ValueError(f"expected areas of {len(positions)} pixels, found {areas.shape=}")
    generator = np.random.default_rng(seed)
    coefficients = isotropic_coefficients(degree, maps * of_each, channels, generator)
    if times is not None:
        coefficients = torch.unflatten(coefficients, 0, (maps, times))
    turns = Rotation.random(rotations, generator).as_matrix()

    def respond(harmonics: Tensor) -> Tensor:
        return _outputs(model, (harmonics @ coefficients).to(device, dtype))

    harmonics = harmonics_up_to(degree, positions)
    before = respond(harmonics)
    nearest = NearestFunctions(harmonics, areas) if before.ndim == 3 else None
    kept = before if nearest is None else nearest.coefficients(before)

    def error(rotation: NDArray[np.float64]) -> Tensor:
        # In rows, the product with a rotation is that of columns with its inverse.
        rotated = harmonics_up_to(degree, positions @ rotation)
        if nearest is None:
            return _relative(respond(rotated) - kept, kept)
        return _relative(nearest.coefficients(respond(rotated) - rotated @ kept), kept)

    return torch.stack([error(turn) for turn in turns])


def _outputs(model: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    """Return what a model gives, in float64 on the CPU; of pixels always with channels."""
    with torch.no_grad():
        outputs = model(features).cpu().double()
    maps, pixels = features.shape[0], features.shape[-2]
    if (
        outputs.ndim < 1
        or len(outputs) != maps
        or (outputs.ndim == 3 and outputs.shape[1] != pixels)
    ):
        raise ValueError(
            f"expected outputs of {maps} maps, and of {pixels} pixels if they have three "
            f"dimensions, found shape {tuple(outputs.shape)}"
        )
    if outputs.shape[1:] == (pixels,):
        return outputs[..., None]
    if features.ndim == 4 and outputs.shape[:-1] == features.shape[:-1]:
        return outputs.transpose(1, 2).flatten(2)
    return outputs


def _relative(change: Tensor, whole: Tensor) -> Tensor:
    """Return the norm of a change of each map relative to that of the whole; 0 / 0 is 0."""
    lengths, wholes = (
        torch.linalg.vector_norm(given.unsqueeze(-1).flatten(1), dim=1) for given in (change, whole)
    )
    return torch.where(lengths == 0, lengths, lengths / wholes)


def _check_evaluation(model: Callable[[Tensor], Tensor]) -> None:
    if isinstance(model, nn.Module) and model.training:
        raise ValueError("expected a model in evaluation mode, found one in training: call eval()")
