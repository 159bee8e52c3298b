"""Where the pixels of a model are, and where a user's grid is to them."""

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.inference.trained import Trained
from deepsphere.registry import load
from deepsphere.regridding.grid import Grid, LatitudeLongitude, Points
from deepsphere.samplings.sampling import Sampling

# Unit vectors in single precision.
_ONE_PLACE = 1e-6


def pixels_of(trained: Trained) -> Sampling:
    """Return the sampling that a model's pixels are.

    Raises
    ------
    DeepsphereError
        If they are none that is made from its name, such as stations or a part of a sphere with
        padding.
    """
    kind, _, parameters = trained.sampling.partition(":")
    module = load("samplings", kind)
    if hasattr(module, "parse") and trained.turn is not None:
        sampling: Sampling = module.parse(parameters)
        if len(sampling) == len(trained.positions) and np.allclose(
            sampling.positions, trained.positions, rtol=0, atol=_ONE_PLACE
        ):
            return sampling
    raise DeepsphereError(
        f"predict: fields cannot be regridded to the {len(trained.positions)} pixels of the run "
        f"({trained.sampling}), which are no whole sampling; use it from Python, by "
        "deepsphere.load"
    )


def turned(grid: Grid, trained: Trained) -> Grid:
    """Return a grid on Earth as the model's sampling has it, whose pixels may be turned."""
    turn = trained.turn or 0.0
    if not turn:
        return grid
    if isinstance(grid, Points):
        return Points(grid.latitude, grid.longitude - turn)
    return LatitudeLongitude(
        grid.latitude, grid.longitude - turn, grid.row_edges, grid.column_edges - turn
    )
