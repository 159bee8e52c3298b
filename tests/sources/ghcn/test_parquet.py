"""The parquet tree: types in which it may come, and what is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.parquet import read_parquet_year
from deepsphere.sources.ghcn.tally import Tally
from deepsphere.sources.ghcn.wanted import Wanted

WANTED = Wanted(np.array([b"AE000041196", b"ASN00064008"]), ("TMIN", "PRCP"), (2012, 2012))
GOOD = {
    "ID": pa.array(["ASN00064008", "AE000041196", "XX000000001", "AE000041196"]),
    "DATE": pa.array(["20120101", "20120229", "20120101", "20121231"]),
    "DATA_VALUE": pa.array([5, -7, 8, 9], pa.int64()),
    "Q_FLAG": pa.array([None, "", None, "I"], pa.string()),
}


def _read(folder: Path, **changed: pa.Array) -> tuple[list[tuple[int, int, int, int]], Tally]:
    for element in WANTED.elements:
        (folder / f"ELEMENT={element}").mkdir(exist_ok=True)
        pq.write_table(pa.table(GOOD | changed), folder / f"ELEMENT={element}" / "a.parquet")
    return _read_folder(folder)


def _read_folder(folder: Path) -> tuple[list[tuple[int, int, int, int]], Tally]:
    tally = Tally()
    found: list[tuple[int, int, int, int]] = []
    for r in read_parquet_year(folder, "YEAR=2012", WANTED, tally):
        found += zip(*(a.tolist() for a in (r.stations, r.elements, r.days, r.values)), strict=True)
    return found, tally


EXPECTED = [(1, 0, 0, 5), (0, 0, 59, -7), (1, 1, 0, 5), (0, 1, 59, -7)]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ID": GOOD["ID"].dictionary_encode()},
        {"DATE": GOOD["DATE"].cast(pa.int64())},
        {"DATA_VALUE": GOOD["DATA_VALUE"].cast(pa.int32())},
        {"Q_FLAG": GOOD["Q_FLAG"].dictionary_encode()},
        {"ID": GOOD["ID"].cast(pa.large_string())},
    ],
)
def test_columns_may_have_several_types(tmp_path: Path, changed: dict[str, pa.Array]) -> None:
    found, tally = _read(tmp_path, **changed)
    assert found == EXPECTED
    assert (tally.rows, tally.malformed) == (8, 0)
    assert (tally.unknown["XX000000001"], tally.flagged["I"]) == (2, 2)


@pytest.mark.parametrize(
    ("column", "bad"),
    [
        ("ID", ["AE00004119", "", None, "AE0000411966"]),
        ("DATE", ["20120230", "20110101", None, "2012-1-1"]),
        ("DATA_VALUE", [40000, None, -32768, 1 << 40]),
        ("Q_FLAG", ["II", "III", "??", "x1"]),
    ],
)
def test_malformed_rows_are_counted_and_refused(tmp_path: Path, column: str, bad: list) -> None:
    with pytest.raises(
        DeepsphereError, match=r"8 of 8 lines .*YEAR=2012/ELEMENT=TMIN/a.parquet:1:"
    ):
        _read(tmp_path, **{column: pa.array(bad, GOOD[column].type)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>gone</html>", "is a web page"),
        (b"PAR1 and no more", "is not a whole parquet file"),
        (b"", "is not a whole parquet file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    _read(tmp_path)
    path = tmp_path / "ELEMENT=PRCP" / "a.parquet"
    path.write_bytes(content)
    with pytest.raises(DeepsphereError, match=f"a.parquet {message}"):
        _read_folder(tmp_path)


def test_cut_files_and_lacking_columns_and_elements_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match="is double, but must hold integers"):
        _read(tmp_path, DATA_VALUE=GOOD["DATA_VALUE"].cast(pa.float64()))
    _read(tmp_path)
    path = tmp_path / "ELEMENT=PRCP" / "a.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DeepsphereError, match=r"PRCP/a\.parquet is not a whole parquet file"):
        _read_folder(tmp_path)
    pq.write_table(pa.table(GOOD).drop_columns("Q_FLAG"), path)
    with pytest.raises(DeepsphereError, match=r"a\.parquet lacks the column Q_FLAG; it has ID"):
        _read_folder(tmp_path)
    path.unlink()
    with pytest.raises(DeepsphereError, match="ELEMENT=PRCP holds no parquet file"):
        _read_folder(tmp_path)
