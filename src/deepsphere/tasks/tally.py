"""Predictions that are added up batch by batch until they are scored.

Most tasks keep them whole: :class:`Whole`. A task whose predictions are larger than memory adds up
what its scores need and writes what is kept to disk
(:mod:`deepsphere.tasks.segmentation_tally`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.samples import Predictions


class Scored(Protocol):
    """Samples that score predictions all at once."""

    def scores(self, found: Predictions) -> dict[str, float]:
        """Return how good predictions are, by the names of the scores."""
        ...

    def kept(self, found: Predictions) -> dict[str, NDArray[Any]]:
        """Return what an evaluation keeps; see :class:`deepsphere.tasks.samples.Tally`."""
        ...


@dataclass(frozen=True)
class Whole:
    """All predictions, in the order in which they came; see
    :class:`deepsphere.tasks.samples.Tally`.

    Attributes
    ----------
    samples : Scored
        What the predictions are of.
    """

    samples: Scored
    parts: list[Predictions] = field(default_factory=list, repr=False)

    def add(self, found: Predictions) -> None:
        """Add the predictions of some samples."""
        self.parts.append(found)

    def state(self) -> Predictions:
        """Return the predictions, joined."""
        self.parts[:] = [joined(self.parts)]
        return self.parts[0]

    def merge(self, state: Predictions) -> None:
        """Add what another tally had."""
        self.parts.append(state)

    def scores(self) -> Mapping[str, float]:
        """Return how good the predictions are."""
        return self.samples.scores(self.state())

    def kept(self) -> Mapping[str, NDArray[Any]]:
        """Return what an evaluation keeps."""
        return self.samples.kept(self.state())


def joined(parts: list[Predictions]) -> Predictions:
    """Return the predictions of several groups of samples, one behind the other."""
    columns: dict[str, Any] = {}
    for name in vars(parts[0]):
        column = [getattr(part, name) for part in parts]
        columns[name] = None if column[0] is None else np.concatenate(column)
    return Predictions(**columns)
