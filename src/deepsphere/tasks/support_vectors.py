"""Linear support-vector machines, for baselines of features that were made by hand.

What scikit-learn's ``LinearSVC`` is: a linear margin that separates each class from all others
(from the other one, if there are two), with the least ``C`` times the sum of the squared hinges,
plus half the squared coefficients (:mod:`deepsphere.tasks.squared_hinge`). How much errors on the
training samples count, ``C``, is chosen among nine values by the errors on validation samples.

References
----------
R.-E. Fan, K.-W. Chang, C.-J. Hsieh, X.-R. Wang, C.-J. Lin: LIBLINEAR, a library for large linear
classification, JMLR 9 (2008).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from deepsphere.tasks.squared_hinge import hinge_minima

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

COSTS = tuple(np.logspace(-2, 2, 9).tolist())
"""The values of C that are tried."""

_FOLDS = 5
_SMALLEST_SCALE = 1e-6


@dataclass(frozen=True, eq=False)
class Labelled:
    """Features of samples, and their classes.

    Attributes
    ----------
    features : ndarray of float64, shape (sample, feature)
        Finite.
    target : ndarray of int64, shape (sample,)
        Classes.
    groups : ndarray of int64, shape (sample,)
        Samples of one group know each other's answer: draws and patches of one sky.
    """

    features: Array
    target: Numbers
    groups: Numbers

    def __post_init__(self) -> None:
        rows = {len(self.features), len(self.target), len(self.groups)}
        if self.features.ndim != 2 or len(rows) > 1:
            raise ValueError(
                "expected features, classes and groups of the same samples, found shapes "
                f"{self.features.shape}, {self.target.shape}, {self.groups.shape}"
            )

    def where(self, chosen: NDArray[np.bool_]) -> "Labelled":
        """Return some of the samples."""
        return Labelled(self.features[chosen], self.target[chosen], self.groups[chosen])


@dataclass(frozen=True, eq=False)
class Machine:
    """A linear support-vector machine.

    Attributes
    ----------
    cost : float
        C.
    mean, scale : ndarray of float64, shape (feature,)
        What is taken away from the features, and what they are then divided by.
    coefficients : ndarray of float64, shape (feature, class)
    intercepts : ndarray of float64, shape (class,)
        Minus infinity for classes that it was not shown.
    parameters : int
        Number of fitted values.
    """

    cost: float
    mean: Array
    scale: Array
    coefficients: Array
    intercepts: Array
    parameters: int

    def margins(self, features: Array) -> Array:
        """Return how clearly each class is told from the others, shape (sample, class)."""
        margins: Array = (features - self.mean) / self.scale @ self.coefficients + self.intercepts
        return margins


def fit_machines(train: Labelled, classes: int, costs: Sequence[float]) -> list[Machine]:
    """Fit machines to features that are first brought to mean 0 and deviation 1.

    Parameters
    ----------
    train : Labelled
    classes : int
        Number of classes; not all need be there.
    costs : sequence of float
        Values of C, best in a rising order.

    Returns
    -------
    list of Machine
        One a C.
    """
    mean = train.features.mean(axis=0)
    scale = train.features.std(axis=0) + _SMALLEST_SCALE
    shown = np.unique(train.target)
    # One margin tells two classes apart, and none is needed for one.
    told = shown if len(shown) > 2 else shown[1:]
    features = (train.features - mean) / scale if len(told) else np.empty((len(train.target), 0))
    minima = [
        list(hinge_minima(features, np.where(train.target == each, 1.0, -1.0), costs))
        for each in told
    ]
    machines = []
    for place, cost in enumerate(costs):
        coefficients = np.zeros((len(mean), classes))
        intercepts = np.full(classes, -np.inf)
        intercepts[shown] = 1
        for each, of_costs in zip(told, minima, strict=True):
            coefficients[:, each], intercepts[each] = of_costs[place][:-1], of_costs[place][-1]
        if len(shown) == 2:
            coefficients[:, shown[0]] = -coefficients[:, shown[1]]
            intercepts[shown[0]] = -intercepts[shown[1]]
        parameters = len(told) * (len(mean) + 1)
        machines.append(Machine(cost, mean, scale, coefficients, intercepts, parameters))
    return machines


def select_machine(train: Labelled, validation: Labelled | None, classes: int) -> Machine:
    """Return the machine with the C that makes the fewest errors on samples it was not fitted to.

    Parameters
    ----------
    train : Labelled
        What it is fitted to.
    validation : Labelled or None
        What C is chosen on. Without any, by cross-validation in five folds, or as many as there are
        groups, each with all of some groups; C is 1 if there is one group only.
    classes : int
        Number of classes.

    Returns
    -------
    Machine
        Of several that are as good, the one with the smallest C.
    """
    if validation is not None:
        machines = fit_machines(train, classes, COSTS)
        return min(machines, key=lambda machine: errors(machine, validation))
    groups, places = np.unique(train.groups, return_inverse=True)
    folds = min(_FOLDS, len(groups))
    if folds == 1:
        return fit_machines(train, classes, (1.0,))[0]
    counts = dict.fromkeys(COSTS, 0)
    for fold in range(folds):
        left_out = places % folds == fold
        rest, judged = train.where(~left_out), train.where(left_out)
        for machine in fit_machines(rest, classes, COSTS):
            counts[machine.cost] += errors(machine, judged)
    return fit_machines(train, classes, (min(counts, key=counts.__getitem__),))[0]


def errors(machine: Machine, samples: Labelled) -> int:
    """Return how many samples a machine gets wrong."""
    return int((machine.margins(samples.features).argmax(axis=1) != samples.target).sum())


def margin_probabilities(margins: Array) -> NDArray[np.float32]:
    """Return numbers that can stand for probabilities where only their order counts.

    Parameters
    ----------
    margins : ndarray of float64, shape (sample, class)

    Returns
    -------
    ndarray of float32, shape (sample, class)
        The softmax of the margins. It is not calibrated: a margin knows nothing of frequencies. The
        largest one is that of the largest margin, also where float32 cannot tell two apart.
    """
    found: NDArray[np.float32] = softmax(margins, axis=1).astype(np.float32)
    answers = margins.argmax(axis=1)
    (tied,) = np.nonzero(found.argmax(axis=1) != answers)
    found[tied, answers[tied]] = np.nextafter(found[tied].max(axis=1), np.float32(1))
    return found
