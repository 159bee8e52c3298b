"""How the channels of a model lie beside each other in a user's file.

Channels need not have the same dimensions: what does not change in time is the same at all times.
Other dimensions, such as those of an ensemble, are the same for all channels, and each place on
them is a state of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import xarray as xr

from deepsphere.conversion.choosing import choose_fields
from deepsphere.conversion.places import Finder, Places
from deepsphere.errors import DeepsphereError
from deepsphere.prediction.windows import find_time


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the channels lie.

    Attributes
    ----------
    dataset : xarray.Dataset
        The user's, with the channels by their names.
    places : dict of str to Places
        Where the values of each channel lie.
    sizes : dict of str to int
        Of the dimensions of states, in their order in the file.
    template : str
        The channel whose grid and whose order of dimensions the answers have.
    time : str or None
        Which of the dimensions of states is time.
    """

    dataset: xr.Dataset
    places: dict[str, Places]
    sizes: dict[str, int]
    template: str
    time: str | None


def lay_out(dataset: xr.Dataset, channels: Mapping[str, xr.Variable]) -> Layout:
    """Return where channels lie.

    Parameters
    ----------
    dataset : xarray.Dataset
        As xarray opens it, decoded or not.
    channels : mapping of str to xarray.Variable
        Its variables that are the channels.

    Raises
    ------
    DeepsphereError
        If one has no places, or a dimension that others lack.
    """
    complete = dataset.assign(channels)
    places = choose_fields(complete, Finder(complete), list(channels))
    states = {name: _states(variable, places[name]) for name, variable in channels.items()}
    everywhere = set.intersection(*(set(one) for one in states.values()))
    dimensions = tuple(dict.fromkeys(key for one in states.values() for key in one))
    time = find_time(complete, dimensions)
    squeezed = {}
    for name, sizes in states.items():
        single = [key for key in sizes if sizes[key] == 1 and key not in (*everywhere, time)]
        squeezed[name] = channels[name].isel(dict.fromkeys(single, 0))
        states[name] = {key: size for key, size in sizes.items() if key not in single}
    template = max(channels, key=lambda name: len(states[name]))
    for name in states:
        for one, other in ((name, template), (template, name)):
            lacking = [key for key in states[one] if key not in states[other] and key != time]
            if lacking:
                raise DeepsphereError(
                    f"predict: {one} has a dimension {lacking[0]} of {states[one][lacking[0]]}, "
                    f"which {other} lacks; say which place, such as --channel "
                    f"{one}=VARIABLE,{lacking[0]}=NUMBER"
                )
    return Layout(complete.assign(squeezed), places, states[template], template, time)


def _states(variable: xr.Variable, places: Places) -> dict[str, int]:
    """Return the sizes of the dimensions that are not of space."""
    return {str(key): size for key, size in variable.sizes.items() if key not in places.dimensions}
