"""Which colour stands for which value of a map.

:func:`value_scale` for quantities, of one map or of all maps that are to be compared;
:func:`class_scale` for classes. Any other scale is a :class:`Scale` of a colour map and a norm of
matplotlib, for example with limits of one's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.report.style import COLOUR_MAP, COLOURS, plain

UNKNOWN = "0.6"
"""Grey of what has no value; none of the colours that stand for values is grey."""

_SIGNED_COLOURS = "RdBu_r"
# For more classes than we have colours: a dark and a light one of each hue, without the greys.
_MORE_COLOURS = tuple(np.delete(colormaps["tab20"](np.arange(20)), [14, 15], axis=0))


@dataclass(frozen=True, eq=False)
class Scale:
    """Colours of values, and the words beside them.

    Attributes
    ----------
    colours : Colormap
        A colour map of matplotlib.
    norm : Normalize
        Where in the colour map values are.
    label : str
        What the values are, with their unit.
    classes : tuple of str
        If the values are the numbers of classes, from 0 on, the names of these.
    """

    colours: Colormap
    norm: Normalize
    label: str = ""
    classes: tuple[str, ...] = ()

    def colours_of(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return red, green, blue and opacity from 0 to 1, shape (..., 4), of values (...).

        Values that are not finite are grey. Those beyond the limits have the colour of these.

        Raises
        ------
        DeepsphereError
            If the values are to be numbers of classes and any is not.
        """
        finite = np.isfinite(values)
        if self.classes:
            is_class = np.isin(values, np.arange(len(self.classes))) | ~finite
            if not is_class.all():
                raise DeepsphereError(
                    f"a map of {len(self.classes)} classes has whole numbers from 0 to "
                    f"{len(self.classes) - 1}, and NaN where there is none; found "
                    f"{values[~is_class][0]:g}"
                )
        colours = self.colours.with_extremes(bad=UNKNOWN)
        return np.asarray(colours(self.norm(np.ma.masked_where(~finite, values))))

    def draw_bar(self, figure: Figure, axes: Axes, is_below: bool) -> None:
        """Draw a colour bar below axes, or to their right."""
        bar = figure.colorbar(
            ScalarMappable(self.norm, self.colours),
            ax=axes,
            orientation="horizontal" if is_below else "vertical",
            shrink=0.6 if is_below else 0.75,
            aspect=30 if is_below else 22,
            pad=0.03,
            panchor=False,
        )
        bar.set_label(plain(self.label), fontsize=9)
        bar.ax.tick_params(labelsize=8)
        bar.outline.set_linewidth(0.5)
        if self.classes:
            bar.set_ticks(range(len(self.classes)), labels=[plain(name) for name in self.classes])
            bar.ax.tick_params(length=0)


def value_scale(values: NDArray[np.floating], label: str = "", signed: bool = False) -> Scale:
    """Return the scale from the smallest to the largest of some values.

    Parameters
    ----------
    values : ndarray
        Of any shape. Those that are not finite do not count; with no other, the scale is from 0
        to 1.
    label : str
        What the values are, with their unit.
    signed : bool
        Whether zero matters. Blue is then negative, white zero, red positive, and the limits are
        plus and minus the largest size.
    """
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    if low == high:
        low, high = low - 0.5, high + 0.5
    return Scale(colormaps[_SIGNED_COLOURS if signed else COLOUR_MAP], Normalize(low, high), label)


def class_scale(names: Sequence[str], label: str = "") -> Scale:
    """Return the scale of the numbers of some classes.

    Parameters
    ----------
    names : sequence of str
        Of class 0, class 1 and so on, from 1 to 18 of them. Up to 7 the colours are told apart with
        any kind of colour vision.
    label : str
        What the classes are.

    Raises
    ------
    DeepsphereError
        If there are none or too many.
    """
    most = len(_MORE_COLOURS)
    if not 1 <= len(names) <= most:
        raise DeepsphereError(
            f"a map can show from 1 to {most} classes; found {len(names)}; join some of them"
        )
    available = COLOURS if len(names) <= len(COLOURS) else _MORE_COLOURS
    colours = ListedColormap(available[: len(names)])
    return Scale(colours, Normalize(-0.5, len(names) - 0.5), label, tuple(names))
