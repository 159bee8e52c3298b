"""What the metrics are called, in what unit they are, and which way is better.

The numbers themselves are defined in :mod:`deepsphere.tasks.regression`,
:mod:`deepsphere.tasks.classification_metrics`, :mod:`deepsphere.tasks.retrieval` and
:mod:`deepsphere.tasks.segmentation_metrics`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from deepsphere.errors import DeepsphereError


@dataclass(frozen=True)
class Quantity:
    """How a metric is shown.

    Attributes
    ----------
    label : str
        Short name, for the head of a column and the label of an axis.
    meaning : str
        The name in words.
    better : {"lower", "higher"}
        Which of two values is the better one.
    unit : {"data", "data squared", "percent", "none"}
        The unit, in terms of the unit of the data.
    headline : bool
        Whether it is shown where there is room for a few only.
    """

    label: str
    meaning: str
    better: Literal["lower", "higher"]
    unit: Literal["data", "data squared", "percent", "none"]
    headline: bool = True

    @property
    def arrow(self) -> str:
        """An arrow that points where better values lie."""
        return "↓" if self.better == "lower" else "↑"

    def unit_of(self, unit: str) -> str:
        """Return the metric's unit for data in a unit such as ``"degC"``; "" if it has none."""
        shown = unit_text(unit)
        if self.unit == "percent":
            return "%"
        if self.unit == "none" or not shown:
            return ""
        if self.unit == "data":
            return shown
        return f"({shown})²" if " " in shown else f"{shown}²"

    def best(self, values: Iterable[float]) -> float:
        """Return the best of some values."""
        return min(values) if self.better == "lower" else max(values)


QUANTITIES = {
    "mse": Quantity("MSE", "mean squared error", "lower", "data squared"),
    "mae": Quantity("MAE", "mean absolute error", "lower", "data"),
    "mre": Quantity("MRE", "mean of |error| / max(target, 1)", "lower", "percent"),
    "r2": Quantity("R²", "coefficient of determination", "higher", "none"),
    "explained_variance": Quantity("EV", "explained variance", "higher", "none"),
    "accuracy": Quantity("accuracy", "share of the samples whose class is found", "higher", "none"),
    "weighted_f1": Quantity(
        "F1 w", "mean F1 of the classes, weighted by their samples", "higher", "none"
    ),
    "macro_f1": Quantity("F1 m", "plain mean F1 of the classes", "higher", "none"),
    "balanced_accuracy": Quantity(
        "bal acc", "mean share of the samples of a class that are found", "higher", "none", False
    ),
    "mean_accuracy": Quantity(
        "mean acc", "mean share of the pixels of a class that are found", "higher", "none"
    ),
    "map": Quantity(
        "mAP", "mean average precision of the classes but the background", "higher", "none"
    ),
    "mean_iou": Quantity(
        "mean IoU",
        "mean share of the pixels found among those of a class or taken for it",
        "higher",
        "none",
        False,
    ),
    **{
        f"{average}_{name}": Quantity(
            f"{label} {sign}", f"{meaning}, {over}", "higher", "none", top
        )
        for average, sign, over in (
            ("micro", "µ", "mean over the queries"),
            ("macro", "m", "mean over the classes of their queries' means"),
        )
        for name, label, meaning, top in (
            ("precision_at_n", "P@N", "share of what is retrieved that is relevant", False),
            ("recall_at_n", "R@N", "share of what is relevant that is retrieved", False),
            ("f1_at_n", "F1@N", "harmonic mean of P@N and R@N", False),
            ("map", "mAP", "average precision of the ranked lists", True),
            ("ndcg", "NDCG", "normalized discounted cumulative gain of the lists", False),
            (
                "ndcg_as_evaluated",
                "NDCG*",
                "the same as SHREC'17's own program computes it, which can exceed 1",
                False,
            ),
        )
    },
}
"""The metrics that tables and figures can show, by their names in ``metrics.json``."""

_OF_CLASSES = {
    "accuracy": ("acc", "share of the pixels found of the class"),
    "average_precision": ("AP", "average precision of the class"),
    "iou": ("IoU", "share of the pixels found among those of or taken for the class"),
}
"""Label and meaning of the metrics that each class has, by how their names begin."""

_OF_TARGETS: dict[str, tuple[str, str, Literal["lower", "higher"]]] = {
    "mae": ("MAE", "mean absolute error, in its unit, of", "lower"),
    "r2": ("R²", "coefficient of determination of", "higher"),
}
"""The same of the metrics that each number of a map has, and which way is better."""

_UNIT_TEXTS = {"1": "", "degC": "°C", "degrees": "°"}
_EXPONENT = re.compile(r"(?<=[A-Za-z])-?\d+")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def quantity(metric: str) -> Quantity:
    """Return how a metric is shown.

    Raises
    ------
    DeepsphereError
        If nothing is known about a metric of that name.
    """
    for begin, (label, meaning) in _OF_CLASSES.items():
        name = metric.removeprefix(f"{begin}_").replace("_", " ")
        if metric.startswith(f"{begin}_") and name:
            return Quantity(f"{label} {name}", f"{meaning} {name}", "higher", "none", False)
    for begin, (label, meaning, better) in _OF_TARGETS.items():
        name = metric.removeprefix(f"{begin}_")
        if metric.startswith(f"{begin}_") and name:
            return Quantity(f"{label} {name}", f"{meaning} {name}", better, "none", False)
    if metric not in QUANTITIES:
        raise DeepsphereError(
            f"metrics.json: found the metric {metric!r}; the report knows {', '.join(QUANTITIES)}"
        )
    return QUANTITIES[metric]


def unit_text(unit: str) -> str:
    """Return a unit as people write it: ``degC`` is °C, ``m s-1`` has its exponent raised, and the
    unit ``1`` is not written.
    """
    raised = _EXPONENT.sub(lambda exponent: exponent[0].translate(_RAISED), unit)
    return _UNIT_TEXTS.get(unit, raised)


def with_unit(text: str, unit: str) -> str:
    """Return the label of an axis: the text, and the unit (as people write it) if there is one."""
    return f"{text} / {unit}" if unit else text
