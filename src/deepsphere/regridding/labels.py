"""Labels from a grid to a sampling: one class a pixel, or the share that each class has of it.

============================  =================================================================
way                           what it does to a rare class of small events
============================  =================================================================
:func:`nearest_labels`        keeps its frequency in the mean, edges are ragged: for training
:func:`class_fractions`       keeps its area exactly: for soft targets and for statistics
:func:`most_frequent`         loses it where pixels are not much smaller than its events
============================  =================================================================
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepsphere.regridding.weights import Weights

NO_LABEL = 255
"""The label of pixels that have none."""


def nearest_labels(weights: Weights, labels: ArrayLike, no_label: int = NO_LABEL) -> NDArray:  # type: ignore[type-arg]
    """Return the labels of the nearest points.

    Parameters
    ----------
    weights : Weights
        By the method ``nearest``.
    labels : array_like
        Whole numbers, shape (..., source).
    no_label : int
        What pixels get that lie outside of the grid.

    Returns
    -------
    ndarray
        Of the labels' type, shape (..., target).

    Raises
    ------
    ValueError
        If the weights are by another method, the labels no whole numbers or of another shape, or
        ``no_label`` is wanted and does not fit their type.
    """
    given = _checked(weights, labels)
    if weights.method != "nearest":
        raise ValueError(f"labels need weights by the method nearest; found {weights.method}")
    matrix = weights.matrix
    has_label = np.diff(matrix.indptr) > 0
    regridded = np.empty((*given.shape[:-1], matrix.shape[0]), given.dtype)
    regridded[..., has_label] = given[..., matrix.indices]
    if not has_label.all():
        limits = np.iinfo(given.dtype)
        if not limits.min <= no_label <= limits.max:
            raise ValueError(
                f"no_label must fit {given.dtype}, {limits.min} to {limits.max}; found {no_label}"
            )
        regridded[..., ~has_label] = no_label
    return regridded


def class_fractions(
    weights: Weights,
    labels: ArrayLike,
    classes: Sequence[int],
    no_label: int = NO_LABEL,
    smallest_share: float = 0.5,
) -> NDArray[np.float32]:
    """Return the share that each class has of each pixel.

    Parameters
    ----------
    weights : Weights
        By the method ``conservative``; others say what the class is around the pixel's centre.
    labels : array_like
        Whole numbers, shape (..., source).
    classes : sequence of int
        The classes, in the order of the result.
    no_label : int
        The label of points that have none. Shares are of what has one.
    smallest_share : float
        Pixels of which a smaller part has a label are NaN; above 0, up to 1.

    Returns
    -------
    ndarray
        float32, 0 to 1, shape (..., classes, target); the sum over the classes is 1 where all
        labels are among them.

    Raises
    ------
    ValueError
        If the labels are no whole numbers or of another shape.
    """
    given = _checked(weights, labels)
    fractions = np.empty((*given.shape[:-1], len(classes), weights.matrix.shape[0]), np.float32)
    for number, name in enumerate(classes):
        is_class = np.where(given == no_label, np.float32(np.nan), given == name)
        fractions[..., number, :] = weights.apply(is_class, "renormalize", smallest_share)
    return fractions


def most_frequent(fractions: NDArray[np.float32], no_label: int = NO_LABEL) -> NDArray[np.uint8]:
    """Return which class has the largest share of each pixel.

    Small events vanish among what is around them: of 768 x 1152 labels regridded to HEALPix 64, a
    class of compact events loses 14 % of its area (a share of 0.0044 becomes 0.0037), where
    :func:`nearest_labels` keeps it. Use it for maps to look at, not for training.

    Parameters
    ----------
    fractions : ndarray
        As :func:`class_fractions` returns them, shape (..., classes, target).
    no_label : int
        What pixels get whose fractions are NaN.

    Returns
    -------
    ndarray
        Positions in the list of classes, uint8, shape (..., target); the first of equal shares.
    """
    unknown = np.isnan(fractions).any(axis=-2)
    largest = np.argmax(np.nan_to_num(fractions), axis=-2)
    return np.where(unknown, no_label, largest).astype(np.uint8)


def _checked(weights: Weights, labels: ArrayLike) -> NDArray:  # type: ignore[type-arg]
    given = np.asarray(labels)
    if given.ndim < 1 or given.shape[-1] != weights.matrix.shape[1] or given.dtype.kind not in "iu":
        raise ValueError(
            f"labels must be whole numbers of shape (..., {weights.matrix.shape[1]}); found "
            f"{given.dtype} of shape {given.shape}"
        )
    return given
