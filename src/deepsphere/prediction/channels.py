"""Which variables of a file are the channels that a model was trained on.

A channel is the variable of its name, unless the user says another one. Of a variable with levels,
the user says which level::

    TMQ=tcwv                 the variable tcwv
    U850=u,level=850         of the variable u, that whose coordinate level is 850
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from deepsphere.conversion.times import decoded
from deepsphere.errors import DeepsphereError
from deepsphere.inference.trained import Trained
from deepsphere.prediction.units import same_unit

# Coordinates in single precision are one number in text and another one in the file.
_CLOSE = 1e-5


@dataclass(frozen=True)
class Choice:
    """What of a file is a channel.

    Attributes
    ----------
    variable : str
        Its name in the file.
    places : tuple of (str, float)
        Dimensions of which one place is taken, each with the value of its coordinate there.
    """

    variable: str
    places: tuple[tuple[str, float], ...] = ()


def parse_choices(texts: Sequence[str]) -> dict[str, str]:
    """Return what the user says of channels, each given as ``TMQ=tcwv`` or ``U850=u,level=850``.

    Raises
    ------
    DeepsphereError
        If a text has another form, or two are of one channel.
    """
    chosen: dict[str, str] = {}
    for text in texts:
        channel, _, variable = (part.strip() for part in text.partition("="))
        if not channel or not variable:
            raise DeepsphereError(
                f"predict: a channel is given as NAME=VARIABLE, such as TMQ=tcwv; found {text!r}"
            )
        if channel in chosen:
            raise DeepsphereError(f"predict: the channel {channel} is given twice; give it once")
        chosen[channel] = variable
    return chosen


def find_channels(
    dataset: xr.Dataset, trained: Trained, chosen: Mapping[str, str]
) -> dict[str, xr.Variable]:
    """Return the variables that are a model's channels, in its order, none of them read.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it, decoded or not.
    trained : Trained
        The model.
    chosen : mapping of str to str
        By the names of channels, what is not called so in the file.

    Raises
    ------
    DeepsphereError
        If the data set lacks one, or states another unit than the model was trained on.
    """
    for channel in chosen:
        if channel not in trained.channels:
            raise DeepsphereError(
                f"predict: the run has no channel {channel!r}; it has {', '.join(trained.channels)}"
            )
    choices = {name: _choice(chosen.get(name, name)) for name in trained.channels}
    missing = [name for name, choice in choices.items() if choice.variable not in dataset]
    if missing:
        known = ", ".join(str(key) for key in dataset.data_vars) or "nothing"
        sought = ", ".join(
            name if choices[name].variable == name else f"{name} ({choices[name].variable})"
            for name in missing
        )
        raise DeepsphereError(
            f"predict: the file lacks {sought}; it has {known}; say which is which, such as "
            f"--channel {missing[0]}=VARIABLE"
        )
    found = {name: _select(dataset, choice) for name, choice in choices.items()}
    for (name, variable), expected in zip(found.items(), trained.channel_units, strict=True):
        units = variable.attrs.get("units")
        if isinstance(units, str) and expected is not None and not same_unit(units, expected):
            raise DeepsphereError(
                f"predict: {choices[name].variable} is in {units!r}, but the run was trained on "
                f"{name} in {expected!r}; convert it, or correct its attribute units"
            )
    return found


def _choice(text: str) -> Choice:
    """Return a choice of the form ``variable,dimension=value,...``."""
    variable, *rest = (part.strip() for part in text.split(","))
    places = []
    for part in rest:
        dimension, _, value = (word.strip() for word in part.partition("="))
        try:
            places.append((dimension, float(value)))
        except ValueError:
            raise DeepsphereError(
                "predict: a level is given as DIMENSION=NUMBER, such as u,level=850; found "
                f"{text!r}"
            ) from None
    return Choice(variable, tuple(places))


def _select(dataset: xr.Dataset, choice: Choice) -> xr.Variable:
    """Return the variable at the places that are chosen."""
    variable = dataset.variables[choice.variable]
    for dimension, value in choice.places:
        if dimension not in variable.dims:
            raise DeepsphereError(
                f"predict: {choice.variable} has no dimension {dimension!r}; it has "
                f"{', '.join(map(str, variable.dims)) or 'none'}"
            )
        if dimension not in dataset.variables:
            raise DeepsphereError(
                f"predict: the dimension {dimension} has no coordinate to find {value:g} on"
            )
        values = decoded(dataset.variables[dimension]).values
        if values.dtype.kind not in "iuf":
            raise DeepsphereError(
                f"predict: the coordinate {dimension} holds no numbers to find {value:g} among"
            )
        near = np.flatnonzero(np.isclose(values, value, rtol=_CLOSE, atol=0))
        if len(near) != 1:
            listed = ", ".join(f"{one:g}" for one in values)
            raise DeepsphereError(
                f"predict: the coordinate {dimension} of {choice.variable} has {value:g} "
                f"{len(near)} times; it holds {listed}"
            )
        variable = variable.isel({dimension: int(near[0])})
    return variable
