"""The order of maps, and sets that nothing can be learned from."""

from collections.abc import Sequence

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.entries import Entry, check_entries, class_names, in_order


def entry(member: str, label: str | None, seed: int | None = None, value: float = 0) -> Entry:
    return Entry(".", member, label, (("Omega_m", value),), seed, None)


def test_labels_that_are_numbers_are_in_their_order() -> None:
    assert class_names([entry(str(n), label) for n, label in enumerate(["10", "9", "b", "a"])]) == [
        "9",
        "10",
        "a",
        "b",
    ]


def test_nan_is_no_number_to_sort_by() -> None:
    """It is neither less nor more than others, and would leave them in the order of a set."""
    numbers = [str(number) for number in range(50)]
    labels = ["nan", *numbers, "NaN", "inf"]
    assert class_names([entry(label, label) for label in labels]) == [*numbers, "inf", "NaN", "nan"]


def test_order_is_by_label_then_seed_then_name() -> None:
    ordered = [
        entry("z", "0.26", 2),
        entry("y", "0.26", 10),
        entry("b", "0.31"),
        entry("c", "0.31"),
    ]
    assert in_order(ordered[::-1]) == ordered


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([], "found none"),
        ([entry("a", "x"), entry("a", "y")], "a is listed twice"),
        ([entry("a", "x"), entry("b", None)], "b has no label"),
        ([Entry(".", "a", None, (), 1, None)], "neither labels nor parameters"),
    ],
)
def test_sets_that_cannot_be_used(entries: Sequence[Entry], message: str) -> None:
    with pytest.raises(DeepsphereError, match=message):
        check_entries(entries)


def test_parameters_will_do() -> None:
    check_entries([entry("a", None), entry("b", None)])
