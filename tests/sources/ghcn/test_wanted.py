"""Places along the axes, against the calendar of the standard library."""

import datetime

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.wanted import Wanted

IDS = np.array([b"AE000041196", b"ASN00064008", b"US10adam001"])


def test_dates_have_the_index_that_the_calendar_says() -> None:
    wanted = Wanted(IDS, ("TMAX",), (1899, 1904))
    numbers = np.arange(18980000, 19060000)
    first = datetime.date(1899, 1, 1)

    def index(number: int) -> int:
        try:
            day = datetime.date(number // 10000, number // 100 % 100, number % 100)
        except ValueError:
            return -1
        return (day - first).days if 1899 <= day.year <= 1904 else -1

    assert wanted.index_of_dates(numbers).tolist() == [index(number) for number in numbers.tolist()]
    assert len(wanted.days) == 6 * 365 + 1
    assert wanted.month_starts[-1] == len(wanted.days)
    assert wanted.days[0] == np.datetime64("1899-01-01")
    assert wanted.days[-1] == np.datetime64("1904-12-31")


def test_stations_and_elements_are_found_or_not() -> None:
    wanted = Wanted(IDS, ("TMAX", "PRCP"), (2000, 2000))
    ids = [b"US10adam001", b"US10adam001", b"ZZ", b"AE000041196", b"A", b"ASN00064009"]
    assert wanted.index_of_stations(np.array(ids, "S11")).tolist() == [2, 2, -1, 0, -1, -1]
    assert wanted.index_of_stations(np.array([], "S11")).tolist() == []
    codes = np.array([b"PRCP", b"TMIN", b"TMAX"]).view(np.uint32)
    assert wanted.index_of_elements(codes).tolist() == [1, -1, 0]


@pytest.mark.parametrize("years", [(2011, 2010), (0, 5)])
def test_years_must_be_years(years: tuple[int, int]) -> None:
    with pytest.raises(DeepsphereError, match="the years must be two"):
        Wanted(IDS, ("TMAX",), years)
