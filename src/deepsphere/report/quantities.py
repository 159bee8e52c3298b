"""What the metrics are called, in what unit they are, and which way is better.

The numbers themselves are defined in :mod:`deepsphere.tasks.regression`.
"""

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
    """

    label: str
    meaning: str
    better: Literal["lower", "higher"]
    unit: Literal["data", "data squared", "percent", "none"]

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
}
"""The metrics that tables and figures can show, by their names in ``metrics.json``."""

_UNIT_TEXTS = {"1": "", "degC": "°C", "degrees": "°"}


def quantity(metric: str) -> Quantity:
    """Return how a metric is shown.

    Raises
    ------
    DeepsphereError
        If nothing is known about a metric of that name.
    """
    if metric not in QUANTITIES:
        raise DeepsphereError(
            f"metrics.json: found the metric {metric!r}; the report knows {', '.join(QUANTITIES)}"
        )
    return QUANTITIES[metric]


def unit_text(unit: str) -> str:
    """Return a unit as people write it: ``degC`` is °C, and the unit ``1`` is not written."""
    return _UNIT_TEXTS.get(unit, unit)


def with_unit(text: str, unit: str) -> str:
    """Return the label of an axis: the text, and the unit (as people write it) if there is one."""
    return f"{text} / {unit}" if unit else text
