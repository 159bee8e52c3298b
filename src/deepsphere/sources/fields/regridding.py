"""From the places of a file to the pixels of a sampling: what becomes of a state.

Weights are built once for a grid, lie in a file and are read by each process when it first needs
them: what travels to other machines is their path.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import digest_json
from deepsphere.registry import load
from deepsphere.regridding.build import Method, build_weights
from deepsphere.regridding.grid import Grid
from deepsphere.regridding.labels import NO_LABEL, class_fractions, nearest_labels
from deepsphere.regridding.weights import Weights, load_weights
from deepsphere.regridding.winds import apply_to_winds
from deepsphere.samplings.sampling import Sampling
from deepsphere.sources.fields.channels import CLASSES, wind_pairs
from deepsphere.sources.fields.states import State


@dataclass(frozen=True)
class StoredWeights:
    """Weights in a file.

    Attributes
    ----------
    path : Path
        The file.
    digest : str
        Theirs.
    """

    path: Path
    digest: str

    def load(self) -> Weights:
        """Return the weights; they are kept."""
        return _loaded(self.path, self.digest)


@dataclass(frozen=True)
class Regridding:
    """How states are regridded.

    Attributes
    ----------
    fields : StoredWeights
        For the fields.
    labels : StoredWeights
        For the labels: by the method ``nearest`` for one class a pixel, or ``conservative`` for the
        share of each.
    fractions : bool
        Whether pixels get shares.
    winds : tuple of (int, int)
        Pairs of channels that are regridded as vectors.
    grid : LatitudeLongitude or Points
        Where the values of the files are.
    sampling : str
        Name of the sampling.
    """

    fields: StoredWeights
    labels: StoredWeights
    fractions: bool
    winds: tuple[tuple[int, int], ...]
    grid: Grid
    sampling: str

    def __call__(self, state: State) -> NDArray[np.float32]:
        """Return the fields and then the labels on the sampling.

        Parameters
        ----------
        state : State
            In the places of the grid.

        Returns
        -------
        ndarray
            float32, shape (pixels, channels): the fields, then the number of the class or the share
            of each; NaN where it is unknown.

        Raises
        ------
        DeepsphereError
            If the state has another number of places.
        """
        if state.fields.shape[1] != len(self.grid):
            raise DeepsphereError(
                f"has {state.fields.shape[1]} places; expected {len(self.grid)}, those of "
                f"{self.grid.name}"
            )
        weights = self.fields.load()
        fields = weights.apply(state.fields)
        for east, north in self.winds:
            fields[east], fields[north] = apply_to_winds(
                weights,
                self.grid,
                find_sampling(self.sampling),
                state.fields[east],
                state.fields[north],
            )
        label_weights = self.labels.load()
        if self.fractions:
            labels = class_fractions(label_weights, state.labels, range(len(CLASSES)))
        else:
            labels = label_numbers(nearest_labels(label_weights, state.labels))
        return np.ascontiguousarray(np.concatenate([fields, labels]).T)


def prepare_regridding(
    grid: Grid,
    sampling: str,
    channels: tuple[str, ...],
    folder: Path,
    *,
    method: Method,
    fractions: bool = False,
    vector_winds: bool = False,
) -> Regridding:
    """Build the weights, unless they are there, and return how states are regridded with them.

    Parameters
    ----------
    grid : LatitudeLongitude or Points
        Where the values of the files are.
    sampling : str
        Name of the target.
    channels : tuple of str
        Names of the fields.
    folder : Path
        For the weights.
    method : {"nearest", "bilinear", "conservative"}
        For the fields.
    fractions : bool
        Whether pixels get the share of each class, and not the nearest one.
    vector_winds : bool
        Whether winds are regridded as vectors.

    Raises
    ------
    DeepsphereError
        If there are no weights by this method, or no pixel lies in the grid.
    """
    places = {name: number for number, name in enumerate(channels)}
    pairs = wind_pairs(channels) if vector_winds else ()
    return Regridding(
        fields=_stored(grid, sampling, method, folder),
        labels=_stored(grid, sampling, "conservative" if fractions else "nearest", folder),
        fractions=fractions,
        winds=tuple((places[east], places[north]) for east, north in pairs),
        grid=grid,
        sampling=sampling,
    )


def label_numbers(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return labels as a channel: float32, shape (1, pixels), NaN where there is none."""
    return np.where(labels == NO_LABEL, np.float32(np.nan), labels.astype(np.float32))[np.newaxis]


@lru_cache(maxsize=1)
def find_sampling(name: str) -> Sampling:
    """Return the sampling of a name such as ``healpix:64``; the last one is kept."""
    kind, _, parameters = name.partition(":")
    sampling: Sampling = load("samplings", kind).parse(parameters)
    return sampling


def _stored(grid: Grid, sampling: str, method: Method, folder: Path) -> StoredWeights:
    key = digest_json({"grid": grid.description(), "sampling": sampling})
    path = folder / f"{method}-{key[:16]}.npz"
    if not path.exists():
        build_weights(grid, find_sampling(sampling), method).save(path)
    return StoredWeights(path, load_weights(path).digest)


@lru_cache(maxsize=4)
def _loaded(path: Path, digest: str) -> Weights:
    """Read weights; the digest keeps those of another run at the same path apart."""
    weights = load_weights(path)
    if weights.digest != digest:
        raise DeepsphereError(f"{path} was replaced while it was in use; run the stage again")
    return weights
