"""The few values that define a sampling: their checks, and copies made of nothing else."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from deepsphere.errors import DeepsphereError


@dataclass(frozen=True, eq=False)
class Parametric:
    """A frozen dataclass whose copies and pickles consist of its fields.

    What it computed and kept is computed again when asked for: a pickle of ``Healpix(1024)`` takes
    some bytes, not 300 MB, and the arrays of a copy are locked, which pickled arrays are not.
    """

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), tuple(getattr(self, field.name) for field in fields(self))

    def _replace_fields(self, **checked: object) -> None:
        """Put what was checked in the place of what was given, which a frozen class must force."""
        for name, value in checked.items():
            object.__setattr__(self, name, value)


def whole_number(value: object, what: str, lowest: int, highest: int | None = None) -> int:
    """Return a whole number within limits, of Python's or one of NumPy's types, as an int.

    Parameters
    ----------
    value : object
        What was given. Booleans are no numbers here, nor are floats without a fraction.
    what : str
        What it is, for the error, such as ``"cubed: side"``.
    lowest, highest : int
        The limits, both allowed; without a highest, there is none.

    Raises
    ------
    DeepsphereError
        If it is anything else.
    """
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        number = int(value)
        if lowest <= number and (highest is None or number <= highest):
            return number
    limits = f"from {lowest} on" if highest is None else f"from {lowest} to {highest}"
    raise DeepsphereError(f"{what} must be a whole number {limits}; found {value!r}")
