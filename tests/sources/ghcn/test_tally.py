"""Counts: their sum, their way to JSON and back, and when they refuse."""

from collections import Counter

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.tally import QUOTED, Tally, sum_tallies
from deepsphere.sources.ghcn.wanted import Wanted


def _tally(rows: int, bad: int) -> Tally:
    tally = Tally(rows=rows, missing=3, unknown=Counter(A=2), flagged=Counter(I=4))
    tally.kept = {"TMAX": Counter({2010: 5})}
    for line in range(bad):
        tally.note_malformed("f.csv", line + 1, b"a\x00b,\xe9\n" + b"x" * 500, "why")
    return tally


def test_sum_keeps_the_first_quotes_and_json_keeps_everything() -> None:
    first, second = _tally(10, 2), _tally(20, 7)
    total = sum_tallies([first, second])
    assert (total.rows, total.malformed, total.missing) == (30, 9, 6)
    assert total.quotes == [*first.quotes, *second.quotes][:QUOTED]
    assert (total.unknown["A"], total.flagged["I"], total.kept["TMAX"][2010]) == (4, 8, 10)
    assert Tally.from_json(total.to_json()) == total


def test_quotes_are_short_and_printable() -> None:
    (quote,) = _tally(1, 1).quotes
    assert quote.startswith("f.csv:1: why: a?b,é?xxx")
    assert quote.isprintable()
    assert len(quote) < 100


@pytest.mark.parametrize(
    ("rows", "bad", "refused"),
    [(1, 1, False), (50, 1, False), (50, 2, True), (200, 2, False), (1000, 10, False),
     (1000, 11, True)],
)  # fmt: skip
def test_more_than_one_percent_is_refused(rows: int, bad: int, refused: bool) -> None:
    tally = _tally(rows, bad)
    if refused:
        with pytest.raises(DeepsphereError, match=rf"here: {bad} of {rows} lines .*f\.csv:1: why"):
            tally.refuse_malformed("here")
    else:
        tally.refuse_malformed("here")


def test_a_year_without_an_element_is_refused() -> None:
    stations = np.array([b"AE000041196"])
    _tally(1, 0).refuse_gaps(Wanted(stations, ("TMAX",), (2010, 2010)), "here")
    for elements, years, gap in (
        (("TMAX", "TMIN"), (2010, 2010), "TMIN in 2010"),
        (("TMAX",), (2010, 2011), "TMAX in 2011"),
    ):
        with pytest.raises(DeepsphereError, match=f"here: not one usable record of {gap}"):
            _tally(1, 0).refuse_gaps(Wanted(stations, elements, years), "here")
