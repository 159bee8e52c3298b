"""Station files, against a plain parser of one line at a time."""

import calendar
import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.sources.ghcn.dly import parse_dly
from deepsphere.sources.ghcn.tally import Tally
from deepsphere.sources.ghcn.wanted import Wanted

IDS = ("AE000041196", "ASN00064008", "US10adam001")
WANTED = Wanted(np.array(IDS, "S11"), ("TMIN", "PRCP"), (2011, 2013))
FIRST = datetime.date(2011, 1, 1)
FULL = "AE000041196201203TMIN" + "".join(f"{day - 16:5d}  N" for day in range(1, 32))


def _read(text: str) -> tuple[list[tuple[int, int, int, int]], Tally]:
    tally = Tally()
    r = parse_dly(text.encode("latin-1"), "all/x.dly", WANTED, tally)
    arrays = (r.stations, r.elements, r.days, r.values)
    return list(zip(*(array.tolist() for array in arrays), strict=True)), tally


def _plain(lines: list[str]) -> tuple[list[tuple[int, int, int, int]], int]:
    found, missing = [], 0
    for line in lines:
        name, year, month, element = line[:11], int(line[11:15]), int(line[15:17]), line[17:21]
        if element not in WANTED.elements or not 2011 <= year <= 2013:
            continue
        for day in range(1, calendar.monthrange(year, month)[1] + 1):
            group = line[13 + 8 * day : 21 + 8 * day]
            value = int(group[:5])
            missing += value == -9999
            if value != -9999 and group[6] == " " and name in IDS:
                age = (datetime.date(year, month, day) - FIRST).days
                found.append((IDS.index(name), WANTED.elements.index(element), age, value))
    return found, missing


@st.composite
def _lines(draw: st.DrawFn) -> str:
    year, month = draw(st.integers(2010, 2014)), draw(st.integers(1, 12))
    head = draw(st.sampled_from([*IDS, "XX000000001"])) + f"{year}{month:02d}"
    values = st.integers(-9999, 32767) | st.just(-9999)
    groups = [
        f"{draw(values):5d}{draw(st.sampled_from(' T'))}{draw(st.sampled_from('   I'))}N"
        if day <= calendar.monthrange(year, month)[1]
        else "-9999   "
        for day in range(1, 32)
    ]
    return head + draw(st.sampled_from(["TMIN", "PRCP", "SNOW"])) + "".join(groups)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.lists(_lines(), min_size=1, max_size=6), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_records_are_those_of_a_plain_parser(lines: list[str], end: str, trimmed: bool) -> None:
    text = end.join(line.rstrip() if trimmed else line for line in lines) + end
    found, tally = _read(text)
    expected, missing = _plain(lines)
    assert found == expected
    assert (tally.rows, tally.malformed, tally.missing) == (len(lines), 0, missing)
    assert sum(counts.total() for counts in tally.kept.values()) == len(found)


@pytest.mark.parametrize("length", range(269))
def test_a_line_may_end_behind_a_value_or_its_flags_only(length: int) -> None:
    found, tally = _read(FULL + "\n" + FULL.replace("2012", "2013")[:length])
    whole = length >= 26 and (length - 21) % 8 in (0, 5, 6, 7)
    days = (length - 21 + 3) // 8 if whole else 0
    assert len(found) == 31 + days
    assert tally.malformed == (not whole and length > 0)
    assert tally.rows == 1 + (length > 0)


def test_blanks_behind_a_line_are_legal_and_text_is_not() -> None:
    assert _read(FULL + "   \n")[1].malformed == 0
    assert _read(FULL + "  x\n")[1].malformed == 1


@pytest.mark.parametrize(
    ("line", "kept", "reason"),
    [
        (FULL.replace("    0  N", "   O0  N"), 30, "unreadable value"),
        (FULL.replace("    0  N", "  0    N"), 30, "unreadable value"),
        (FULL.replace("    0  N", "99999  N"), 30, "unreadable value"),
        (FULL.replace("201203", "201202"), 29, "a day the month has not"),
        (FULL.replace("201203", "201213"), 0, "not a whole line"),
        (FULL.replace("201203", "2012 3"), 0, "not a whole line"),
        ("<b>" + FULL[3:20], 0, "not a whole line"),
    ],
)
def test_a_damaged_line_keeps_its_good_days(line: str, kept: int, reason: str) -> None:
    found, tally = _read(FULL + "\n\n" + line + "\n")
    assert len(found) == 31 + kept
    assert (tally.rows, tally.malformed) == (2, 1)
    assert tally.quotes[0].startswith(f"all/x.dly:3: {reason}: {line[:20]}")


def test_february_30_without_a_value_is_nothing() -> None:
    line = "AE000041196201202PRCP" + "    5  N" * 29 + "-9999   " * 2
    found, tally = _read(line)
    assert len(found) == 29
    assert (tally.malformed, tally.missing) == (0, 0)


def test_an_empty_file_has_no_records() -> None:
    assert _read("") == ([], Tally())
