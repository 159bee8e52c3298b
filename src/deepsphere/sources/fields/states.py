"""A state of the atmosphere as its file has it, and what reads such files."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.labels import NO_LABEL
from deepsphere.sources.fields.channels import CLASSES


@dataclass(frozen=True, eq=False)
class State:
    """The fields and labels of a file.

    Attributes
    ----------
    fields : ndarray
        float32, shape (channels, places), in the units of
        :data:`~deepsphere.sources.fields.channels.CHANNELS`.
    labels : ndarray
        Numbers of the classes, uint8, shape (places,);
        :data:`~deepsphere.regridding.labels.NO_LABEL` where none is known.
    layout : str
        What :meth:`Reader.layout` says of the file.
    """

    fields: NDArray[np.float32]
    labels: NDArray[np.uint8]
    layout: str


class Reader(Protocol):
    """What reads one kind of file. It travels to other processes."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """How the names of the files end."""

    def layout(self, content: Path | io.BytesIO) -> str:
        """Return in words where the values of a file lie; the same for all that share a grid.

        Raises
        ------
        DeepsphereError
            If it is not such a file, as far as one can see without reading all of it.
        """

    def read(self, content: Path | io.BytesIO, channels: Sequence[str]) -> State:
        """Return the state of a file.

        Raises
        ------
        DeepsphereError
            If it is not such a file, or damaged.
        """


def class_numbers(labels: ArrayLike) -> NDArray[np.uint8]:
    """Return labels as the numbers of their classes.

    Parameters
    ----------
    labels : array_like
        Numbers of any type and shape; NaN is unknown.

    Returns
    -------
    ndarray
        uint8, of the same shape; unknown ones are :data:`~deepsphere.regridding.labels.NO_LABEL`.

    Raises
    ------
    DeepsphereError
        If there are other numbers than those of the classes, or nothing but unknown ones.
    """
    given = np.asarray(labels)
    if given.dtype.kind not in "biuf":
        raise DeepsphereError(f"labels are {given.dtype}; expected numbers")
    unknown = np.isnan(given)
    numbers = np.where(unknown, NO_LABEL, given)
    wrong = ~np.isin(numbers, (*range(len(CLASSES)), NO_LABEL))
    if wrong.any():
        raise DeepsphereError(
            f"labels hold {numbers[wrong][0]:g}; expected 0 to {len(CLASSES) - 1}: "
            f"{', '.join(CLASSES)}"
        )
    if (numbers == NO_LABEL).all():
        raise DeepsphereError("labels are all unknown")
    return numbers.astype(np.uint8)


def checked_fields(fields: NDArray[np.generic], channels: Sequence[str]) -> NDArray[np.float32]:
    """Return fields as float32 if each holds a finite number.

    Parameters
    ----------
    fields : ndarray
        Shape (channels, places).
    channels : sequence of str
        Their names.

    Raises
    ------
    DeepsphereError
        If one has no finite value, or an infinite one, or they are no numbers.
    """
    if fields.dtype.kind not in "biuf":
        raise DeepsphereError(f"fields are {fields.dtype}; expected numbers")
    with np.errstate(over="ignore"):
        numbers = np.ascontiguousarray(fields, dtype=np.float32)
    # A sum is finite if all numbers are, and far cheaper than looking at each of them.
    with np.errstate(over="ignore", invalid="ignore"):
        suspect = ~np.isfinite(numbers.sum(axis=1, dtype=np.float64))
    for name, field, is_suspect in zip(channels, numbers, suspect, strict=True):
        if is_suspect and (np.isinf(field).any() or np.isnan(field).all()):
            raise DeepsphereError(f"{name} holds infinite numbers, or none at all")
    return numbers
