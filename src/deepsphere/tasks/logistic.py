"""Multinomial logistic regression, for baselines."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

Array = NDArray[np.float64]

_STEPS = 1000


def fit_logistic(
    features: Array, target: NDArray[np.integer], classes: int, penalty: float
) -> Array:
    """Fit the linear logits with the least mean cross entropy, by L-BFGS.

    Parameters
    ----------
    features : ndarray of float64, shape (sample, feature)
        Of mean 0 and deviation 1, or nearly so.
    target : ndarray of int, shape (sample,)
        Classes.
    classes : int
        Number of classes.
    penalty : float
        Half of it times the sum of the squared coefficients, intercepts excepted, is added.

    Returns
    -------
    ndarray of float64, shape (feature + 1, class)
        Coefficients, the intercepts last.
    """
    design = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    truth = np.eye(classes)[target]
    penalties = np.full((design.shape[1], 1), penalty)
    penalties[-1] = 0

    def loss(flat: Array) -> tuple[float, Array]:
        coefficients = flat.reshape(-1, classes)
        logits = design @ coefficients
        pulled = penalties * coefficients
        entropy = -(truth * log_softmax(logits, axis=1)).sum() / len(design)
        gradient = design.T @ (softmax(logits, axis=1) - truth) / len(design) + pulled
        return float(entropy + (pulled * coefficients).sum() / 2), gradient.ravel()

    start = np.zeros(design.shape[1] * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS})
    coefficients: Array = found.x.reshape(-1, classes)
    return coefficients


def logistic_probabilities(coefficients: Array, features: Array) -> Array:
    """Return the probabilities, shape (sample, class), of what :func:`fit_logistic` found."""
    probabilities: Array = softmax(features @ coefficients[:-1] + coefficients[-1], axis=1)
    return probabilities
