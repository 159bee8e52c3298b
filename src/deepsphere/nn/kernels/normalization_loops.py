"""The compiled loops of :mod:`deepsphere.nn.kernels.normalization`, one a pass over the features.

A row of the result is one pixel's channels, or those of several where that makes the loop over
columns longer. Where it pools, a row of the features holds the 4 children of a row of the result,
one after the other. ``coefficients`` has a column for each of the result, and these rows:

- 0, 1 and 2: a normalized value is (value - row 0) · row 1 + row 2, where row 2 makes up for the
  rounding of the mean in row 0, which is not small beside a small deviation;
- 3: the bias;
- 4 and 5: the means of the gradient and of its product with the normalized value, or 0 where the
  statistics are constants.

The rectifier cuts at ``floor``, and minus infinity cuts nothing.
"""

# numba finds the types of what it compiles.
# mypy: disable-error-code="no-untyped-def"

import numpy as np

from deepsphere.nn.kernels.elements import read, write
from deepsphere.nn.kernels.loops import loop
from deepsphere.nn.kernels.pools import MAX, NONE
from deepsphere.nn.kernels.threads import claim
from deepsphere.nn.pooling.nested import CHILDREN


@loop
def gather_statistics(progress, shares, features, size, means, squares):
    """Write each share's mean and its sum of squared deviations from it.

    Deviations are taken from the share's first row. As that is one of its n rows, the sum of their
    squares is at most n times that of the deviations from the mean, wherever the mean lies; so
    little is lost by subtracting.
    """
    width = features.shape[1]
    sums = np.empty((2, width))
    while True:
        share = claim(progress)
        if share >= shares:
            return
        first, last = share * size, min((share + 1) * size, len(features))
        for column in range(width):
            means[share, column] = read(features, first, column)
        sums[:] = 0
        for row in range(first, last):
            for column in range(width):
                deviation = np.float64(read(features, row, column)) - read(means, share, column)
                write(sums, 0, column, sums[0, column] + deviation)
                write(sums, 1, column, sums[1, column] + deviation * deviation)
        for column in range(width):
            step = sums[0, column] / (last - first)
            means[share, column] += step
            squares[share, column] = sums[1, column] - step * sums[0, column]


@loop
def apply(progress, shares, features, size, coefficients, floor, kind, result):
    """Write the normalized, shifted, rectified and pooled features."""
    width = result.shape[1]
    weight = coefficients.dtype.type(1 / CHILDREN)
    while True:
        share = claim(progress)
        if share >= shares:
            return
        for row in range(share * size, min((share + 1) * size, len(result))):
            if kind == NONE:
                for column in range(width):
                    value = read(features, row, column)
                    write(result, row, column, _rectified(value, coefficients, column, floor))
            elif kind == MAX:
                # What follows grows with the feature, so the largest one gives the largest result.
                for column in range(width):
                    value = read(features, row, column)
                    for child in range(1, CHILDREN):
                        value = _larger(value, read(features, row, column + child * width))
                    write(result, row, column, _rectified(value, coefficients, column, floor))
            else:
                for column in range(width):
                    value = read(features, row, column)
                    total = _rectified(value, coefficients, column, floor)
                    for child in range(1, CHILDREN):
                        value = read(features, row, column + child * width)
                        total += _rectified(value, coefficients, column, floor)
                    write(result, row, column, weight * total)


@loop
def gather_sums(progress, shares, features, gradient, size, coefficients, floor, kind, parts):
    """Write each share's sums of the gradient and of its product with the normalized value."""
    width = gradient.shape[1]
    children = features.shape[1] // width
    weight = coefficients.dtype.type(1 / children)
    sums = np.empty((2, width))
    while True:
        share = claim(progress)
        if share >= shares:
            return
        sums[:] = 0
        for row in range(share * size, min((share + 1) * size, len(gradient))):
            if kind == MAX:
                for column in range(width):
                    value = read(features, row, column)
                    for child in range(1, CHILDREN):
                        value = _larger(value, read(features, row, column + child * width))
                    passed = read(gradient, row, column)
                    passed = _passed(passed, value, coefficients, column, floor)
                    moment = passed * _normalized(value, coefficients, column)
                    write(sums, 0, column, sums[0, column] + passed)
                    write(sums, 1, column, sums[1, column] + moment)
            else:
                for child in range(children):
                    for column in range(width):
                        value = read(features, row, column + child * width)
                        passed = weight * read(gradient, row, column)
                        passed = _passed(passed, value, coefficients, column, floor)
                        moment = passed * _normalized(value, coefficients, column)
                        write(sums, 0, column, sums[0, column] + passed)
                        write(sums, 1, column, sums[1, column] + moment)
        parts[share] = sums


@loop
def differentiate(progress, shares, features, gradient, size, coefficients, floor, kind, result):
    """Write the gradient of the features."""
    width = gradient.shape[1]
    children = features.shape[1] // width
    zero, weight = coefficients.dtype.type(0), coefficients.dtype.type(1 / children)
    while True:
        share = claim(progress)
        if share >= shares:
            return
        for row in range(share * size, min((share + 1) * size, len(gradient))):
            if kind == MAX:
                for column in range(width):
                    largest, which = read(features, row, column), np.int32(0)
                    for child in range(1, CHILDREN):
                        value = read(features, row, column + child * width)
                        which = np.int32(child) if _exceeds(value, largest) else which
                        largest = _larger(largest, value)
                    received = read(gradient, row, column)
                    received = _passed(received, largest, coefficients, column, floor)
                    for child in range(CHILDREN):
                        value = read(features, row, column + child * width)
                        passed = received if which == child else zero
                        passed = _returned(passed, value, coefficients, column)
                        write(result, row, column + child * width, passed)
            else:
                for child in range(children):
                    for column in range(width):
                        value = read(features, row, column + child * width)
                        passed = weight * read(gradient, row, column)
                        passed = _passed(passed, value, coefficients, column, floor)
                        passed = _returned(passed, value, coefficients, column)
                        write(result, row, column + child * width, passed)


@loop
def _exceeds(second, first):
    # Without a branch, so that it may become a vector instruction.
    return (second > first) | (second != second)


@loop
def _larger(first, second):
    """Return the larger number, and NaN if one is."""
    return second if _exceeds(second, first) else first


@loop
def _normalized(value, coefficients, column):
    deviation = value - read(coefficients, 0, column)
    return deviation * read(coefficients, 1, column) + read(coefficients, 2, column)


@loop
def _rectified(value, coefficients, column, floor):
    shifted = _normalized(value, coefficients, column) + read(coefficients, 3, column)
    return floor if shifted <= floor else shifted


@loop
def _passed(gradient, value, coefficients, column, floor):
    """Return the gradient as it comes through the rectifier."""
    shifted = _normalized(value, coefficients, column) + read(coefficients, 3, column)
    return coefficients.dtype.type(0) if shifted <= floor else gradient


@loop
def _returned(gradient, value, coefficients, column):
    """Return the gradient as it comes through the normalization."""
    through = _normalized(value, coefficients, column) * read(coefficients, 5, column)
    return read(coefficients, 1, column) * (gradient - read(coefficients, 4, column) - through)
