"""Numbers rounded to what they can tell."""

import math

MEAN_DIGITS = 4
"""Significant digits of a mean."""

DEVIATION_DIGITS = 2
"""Significant digits of a standard deviation; more would be noise for a few seeds."""

_FIXED_POINT = range(-4, 6)


def significant(value: float, digits: int = MEAN_DIGITS) -> str:
    """Return a number to some significant digits; with an exponent if very small or large.

    >>> significant(8.2034), significant(9.99996), significant(0.00001)
    ('8.203', '10.00', '1.000e-05')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    exponent = _exponent(value, digits)
    if exponent in _FIXED_POINT:
        return f"{value:.{max(digits - 1 - exponent, 0)}f}"
    return f"{value:.{digits - 1}e}"


def uncertain(mean: float, deviation: float | None) -> str:
    """Return mean ± standard deviation, or the mean alone where there is no deviation.

    The mean has no more decimals than the deviation: digits below the noise tell nothing.

    >>> uncertain(8.2034, 0.117), uncertain(8.2034, None), uncertain(8.2034, 0.0)
    ('8.20 ± 0.12', '8.203', '8.203 ± 0')
    """
    if deviation is None:
        return significant(mean)
    noise = significant(deviation, DEVIATION_DIGITS)
    if mean == 0 or deviation == 0 or not math.isfinite(mean + deviation):
        return f"{significant(mean)} ± {noise}"
    places = DEVIATION_DIGITS - 1 - _exponent(deviation, DEVIATION_DIGITS)
    digits = min(MEAN_DIGITS, max(places, 0) + 1 + _exponent(mean, MEAN_DIGITS))
    return f"{significant(mean, max(digits, 1))} ± {noise}"


def as_printed(value: float) -> str:
    """Return somebody else's number with the digits that it came with.

    >>> as_printed(8.2), as_printed(-0.98)
    ('8.2', '-0.98')
    """
    return f"{value:.6g}"


def _exponent(value: float, digits: int) -> int:
    """Return the power of ten of the first digit, after rounding to ``digits`` digits."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])
