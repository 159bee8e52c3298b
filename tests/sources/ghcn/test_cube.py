"""Pieces and their merging, against a dense array filled one record at a time."""

from pathlib import Path

import numpy as np
import pytest

from deepsphere.sources.ghcn import cube
from deepsphere.sources.ghcn.cube import Piece, assemble, is_done, read_piece, write_piece
from deepsphere.sources.ghcn.records import MISSING, Records
from deepsphere.sources.ghcn.tally import Tally
from deepsphere.sources.ghcn.wanted import Wanted

STATIONS, ELEMENTS = 50, ("TMIN", "PRCP", "TMAX")
WANTED = Wanted(np.array([f"AE{n:09d}" for n in range(STATIONS)], "S11"), ELEMENTS, (2011, 2012))


def _records(seed: int, days: int, count: int = 400) -> Records:
    generator = np.random.default_rng(seed)
    return Records(
        3 * generator.integers(0, STATIONS // 3, count),
        generator.integers(0, 3, count).astype(np.int8),
        generator.integers(0, days, count),
        generator.integers(-300, 300, count).astype(np.int16),
    )


def _fill(dense: np.ndarray, records: Records, first_day: int) -> None:
    for station, element, day, value in zip(
        records.stations, records.elements, records.days, records.values, strict=True
    ):
        dense[station, element, first_day + day] = value


@pytest.mark.parametrize("block_bytes", [1, 10_000, 1 << 24])
@pytest.mark.parametrize("capacity", [1, 1024])
def test_merged_pieces_are_the_dense_array(
    tmp_path: Path, block_bytes: int, capacity: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cube, "_BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(cube, "_FIRST_CAPACITY", capacity)
    dense = np.full((STATIONS, 3, len(WANTED.days)), MISSING, np.int16)
    one_year = Wanted(WANTED.stations, ELEMENTS, (2012, 2012))
    pieces = []
    # The last two cover the same days, so the later one must win where both have a value.
    for number, (wanted, first_day) in enumerate([(WANTED, 0), (one_year, 365), (WANTED, 0)]):
        piece = Piece(wanted)
        for seed in (10 * number, 10 * number + 1):
            records = _records(seed, piece.days)
            piece.add(records)
            _fill(dense, records, first_day)
        name = f"piece-{number}"
        assert not is_done(tmp_path, name)
        write_piece(tmp_path, name, piece, first_day, Tally(rows=number))
        assert is_done(tmp_path, name)
        file, tally = read_piece(tmp_path, name)
        assert tally == Tally(rows=number)
        pieces.append(file)
    stations, filled = assemble(tmp_path / "values.npy", pieces, 3, len(WANTED.days))
    used = np.flatnonzero((dense != MISSING).any(axis=(1, 2)))
    assert stations.tolist() == used.tolist()
    assert filled == np.count_nonzero(dense != MISSING)
    values = np.load(tmp_path / "values.npy", mmap_mode="r", allow_pickle=False)
    assert values.dtype == np.int16
    np.testing.assert_array_equal(values, dense[used])


def test_the_last_of_repeated_records_stays() -> None:
    piece = Piece(WANTED)
    index = np.array([4, 4, 4])
    values = np.array([1, 2, 3], np.int16)
    piece.add(Records(index, np.zeros(3, np.int8), index, values))
    assert piece.pairs().tolist() == [12]
    assert piece.values(piece.pairs())[0, :6].tolist() == [MISSING] * 4 + [3, MISSING]


def test_a_piece_without_its_journal_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "2011.values").write_bytes(b"what a killed process left" * 99)
    assert not is_done(tmp_path, "2011")
    write_piece(tmp_path, "2011", Piece(WANTED), 0, Tally())
    file, _ = read_piece(tmp_path, "2011")
    assert file.path.read_bytes() == b""
    stations, filled = assemble(tmp_path / "values.npy", [file], 3, len(WANTED.days))
    assert (stations.tolist(), filled) == ([], 0)
