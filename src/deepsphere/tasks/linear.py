"""Linear models in closed form, for baselines."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def least_squares(features: Array, target: Array, known: NDArray[np.bool_]) -> Array:
    """Fit one linear model an output, with an intercept, on the samples that are known.

    Parameters
    ----------
    features : ndarray of float64, shape (output, sample, feature)
        Each output has its own features.
    target : ndarray of float64, shape (output, sample)
    known : ndarray of bool, shape (output, sample)
        Samples that count.

    Returns
    -------
    ndarray of float64, shape (output, feature + 1)
        Coefficients, the intercept last. Where the known samples do not determine them, those of
        least norm.
    """
    design = np.concatenate([features, np.ones((*features.shape[:2], 1))], axis=2)
    design = np.where(known[..., None], design, 0)
    response = np.where(known, target, 0)
    return np.stack(
        [
            np.linalg.lstsq(one_design, one_response, rcond=None)[0]
            for one_design, one_response in zip(design, response, strict=True)
        ]
    )


def apply(coefficients: Array, features: Array) -> Array:
    """Return the predictions, shape (output, sample), of :func:`least_squares` models."""
    products: Array = np.einsum("osf,of->os", features, coefficients[:, :-1])
    return products + coefficients[:, -1:]


def ridge(features: Array, target: Array, penalties: Array) -> tuple[Array, float, float]:
    """Fit a ridge regression, its penalty chosen by generalized cross-validation.

    With the singular values s of the centred features and f = s² / (s² + penalty), generalized
    cross-validation takes the penalty with the least n |y - ŷ|² / (n - 1 - Σf)² (Golub, Heath and
    Wahba, 1979; the 1 stands for the intercept). Only the samples given are used.

    Parameters
    ----------
    features : ndarray of float64, shape (sample, feature)
    target : ndarray of float64, shape (sample,)
    penalties : ndarray of float64, shape (candidate,)
        Penalties on the squared norm of the coefficients to choose from, all positive.

    Returns
    -------
    coefficients : ndarray of float64, shape (feature,)
    intercept : float
    penalty : float
        The penalty that was chosen.
    """
    mean, offset = features.mean(axis=0), target.mean()
    left, singular, right = np.linalg.svd(features - mean, full_matrices=False)
    projected = left.T @ (target - offset)
    outside = float(np.square(target - offset).sum() - np.square(projected).sum())
    kept = np.square(singular) / (np.square(singular) + penalties[:, None])
    residual = np.square((1 - kept) * projected).sum(axis=1) + outside
    freedom = len(target) - 1 - kept.sum(axis=1)
    best = int(np.argmin(residual / np.square(np.maximum(freedom, 1e-9))))
    scale = np.divide(kept[best], singular, out=np.zeros_like(singular), where=singular > 0)
    coefficients = right.T @ (scale * projected)
    return coefficients, float(offset - mean @ coefficients), float(penalties[best])
