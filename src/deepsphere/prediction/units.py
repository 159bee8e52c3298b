"""Whether two texts say the same unit: ``kg m-2``, ``kg/m2`` and ``kg m**-2`` do.

Nothing is converted: a file whose unit is another one is refused. Texts that are no products of
powers are compared as they are.
"""

import re
from collections import Counter

_FACTOR = re.compile(r"([a-zµ°%_]+)\^?([+-]?\d+)?")
_ONES = ("", "1", "-", "none", "dimensionless")
_DEGREES = re.compile(r"(?:°|deg(?:ree)?s?)[ _]?(c(?:elsius)?|k(?:elvin)?)(?![a-z])")
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻−", "0123456789+--")
_NAMES = {
    "k": ("kelvin", "kelvins", "degk", "degkelvin"),
    "pa": ("pascal", "pascals"),
    "hpa": ("mbar", "millibar", "millibars", "mb"),
    "m": ("meter", "meters", "metre", "metres", "gpm"),
    "s": ("sec", "second", "seconds"),
    "kg": ("kilogram", "kilograms"),
    "degc": ("c", "celsius", "degcelsius"),
}
_SYMBOLS = {name: symbol for symbol, names in _NAMES.items() for name in names}


def same_unit(first: str, second: str) -> bool:
    """Return whether two units are one, as far as their notation tells.

    Parameters
    ----------
    first, second : str
        Such as ``"m s-1"`` and ``"m/s"``. ``"kg kg-1"`` is ``"1"``.
    """
    return _powers(first) == _powers(second)


def _powers(text: str) -> dict[str, int] | str:
    """Return the power of each symbol, or the text if it is no product of powers."""
    # Old files write all in capitals: M/S.
    plain = " ".join(text.replace("**", "^").translate(_RAISED).lower().split())
    plain = _DEGREES.sub(r"deg\1", plain)
    powers: Counter[str] = Counter()
    for number, part in enumerate(plain.split("/")):
        for factor in re.split(r"[ .*·]", part.strip()):
            if factor in _ONES:
                continue
            found = _FACTOR.fullmatch(factor)
            if found is None:
                return plain
            power = int(found[2] or 1)
            powers[_SYMBOLS.get(found[1], found[1])] += -power if number else power
    return {symbol: power for symbol, power in powers.items() if power}
