"""What the entries of ranked lists are worth to a query, by the rules of SHREC'17.

The kind of an object is its pair of category and subcategory; to a query only its kind matters.
Of the query's category an object has the grade 3 if it is of the same subcategory, 2 if its
subcategory is the category itself (it has no narrower label), and 1 otherwise; objects of another
category have 0. The gain of a list is the sum of its grades, each divided by log2(r) at rank r ≥ 2.
"""

import numpy as np
from numpy.typing import NDArray

from deepsphere.tasks.ranked_lists import LONGEST, Integers

DISCOUNTS = 1 / np.maximum(np.log2(np.arange(1, LONGEST + 1)), 1)
"""Weights of the ranks from 1 on, float64, shape (entry,)."""


def grades_of(
    entries: NDArray[np.int64], kinds: Integers, categories: Integers, subcategories: Integers
) -> NDArray[np.int8]:
    """Return the grades of the entries of some lists.

    Parameters
    ----------
    entries : ndarray of int64, shape (list, entry)
        Numbers of objects; -1 for none, which has grade 0.
    kinds : ndarray of int, shape (list, 2)
        Category and subcategory of each list's query.
    categories, subcategories : ndarray of int, shape (object,)
        Those of the objects.
    """
    category, subcategory = categories[entries], subcategories[entries]
    grades = np.ones(entries.shape, dtype=np.int8)
    grades += subcategory == category
    grades[subcategory == kinds[:, 1:]] = 3
    grades[(category != kinds[:, :1]) | (entries < 0)] = 0
    return grades


def best_gains(
    kinds: Integers, kind_of: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return how many objects are relevant to a query of each kind, and the highest gains.

    Parameters
    ----------
    kinds : ndarray of int, shape (kind, 2)
        Categories and subcategories.
    kind_of : ndarray of int64, shape (object,)
        The kind of each object.

    Returns
    -------
    relevant : ndarray of int64, shape (kind,)
        Objects of the category, at most ``LONGEST``.
    gains : ndarray of float64, shape (kind, 2)
        Of the best list of so many objects, and of the best list of the first so many of the
        category in the order of their numbers.
    """
    first = kind_of[_place_in_category(kinds[kind_of, 0]) < LONGEST]
    sizes = [np.bincount(objects, minlength=len(kinds)) for objects in (kind_of, first)]
    same_category = kinds[:, :1] == kinds[:, 0]
    relevant = np.minimum(same_category @ sizes[0], LONGEST)
    gains = [_best_gain(kinds, size, relevant) for size in sizes]
    return relevant, np.stack(gains, axis=1)


def _best_gain(
    kinds: Integers, sizes: NDArray[np.int64], relevant: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the gain of a list of all grades 3, then 2, then 1, as far as ``relevant``."""
    unspecific = kinds[:, 0] == kinds[:, 1]
    of_grade_2 = ((kinds[:, :1] == kinds[:, 0]) & unspecific & ~unspecific[:, None]) @ sizes
    upto = np.concatenate([[0], np.cumsum(DISCOUNTS)])
    # Every entry counts once, those of grade 2 and 3 once more, and those of 3 a third time.
    three = np.minimum(sizes, relevant)
    two = np.minimum(sizes + of_grade_2, relevant)
    gains: NDArray[np.float64] = upto[relevant] + upto[two] + upto[three]
    return gains


def _place_in_category(categories: Integers) -> NDArray[np.int64]:
    """Return how many objects of the same category have a lower number, shape (object,)."""
    order = np.argsort(categories, kind="stable")
    ordered = categories[order]
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order)) - np.searchsorted(ordered, ordered)
    return places
