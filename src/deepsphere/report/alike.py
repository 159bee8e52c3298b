"""What a network finds alike, shown by the samples themselves: one channel of each, on a globe."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepsphere.report import retrievals
from deepsphere.report.projections import Orthographic
from deepsphere.report.quantities import unit_text, with_unit
from deepsphere.report.retrieved import nearest_rows
from deepsphere.report.runs import ClassPredictions
from deepsphere.report.scales import value_scale
from deepsphere.report.sphere_images import look_up
from deepsphere.samplings.coordinates import unit_vectors
from deepsphere.stores.reader import Store

_QUERIES, _PLACES = 6, 8
_POINTS = 110
_VIEW = Orthographic(-40.0, 25.0)


def draw(found: ClassPredictions, sample: NDArray[np.int64], store: Store, title: str) -> Figure:
    """Draw some test samples and those that are found alike.

    Parameters
    ----------
    found : ClassPredictions
    sample : ndarray of int64, shape (row,)
        Number of the sample of each row of the predictions in the store.
    store : Store
        Of maps of the whole sphere, whose first channel is shown.
    title : str
        Title of the variant.
    """
    rows = nearest_rows(found, _QUERIES, _PLACES)
    shown = np.unique(rows[rows >= 0])
    signals = store.read(sample[shown])[:, :, 0]
    unit = unit_text(store.attrs["units"][0])
    scale = value_scale(signals, with_unit(store.channels[0], unit))
    image = look_up(unit_vectors(store.longitude, store.latitude), _VIEW, _POINTS)

    def paint(axes: Axes, row: int) -> None:
        image.paint(axes, signals[np.searchsorted(shown, row)], scale)

    return retrievals.draw(rows, found.target, found.classes.tolist(), paint, title, scale)
