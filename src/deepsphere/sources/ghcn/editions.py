"""NOAA's editions of GHCN-Daily: which files each consists of, and their reading as Dask tasks.

Yearly files and the parquet tree are one task a year, station files one task a block of some tens
of megabytes, all in threads; an archive is unpacked front to back while its last blocks are parsed.
Memory is some hundred megabytes a worker, however large the files. Every task leaves a finished
piece (:mod:`deepsphere.sources.ghcn.cube`); tasks whose piece is there are not run again.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from dask.base import compute
from dask.delayed import delayed

from deepsphere.errors import DeepsphereError
from deepsphere.files import digest_json
from deepsphere.sources.ghcn.by_year import read_by_year
from deepsphere.sources.ghcn.cube import Piece, is_done, read_piece, write_piece
from deepsphere.sources.ghcn.dly import parse_dly
from deepsphere.sources.ghcn.parquet import read_parquet_year
from deepsphere.sources.ghcn.streams import open_binary, read_members, refuse_page
from deepsphere.sources.ghcn.tally import Tally, sum_tallies
from deepsphere.sources.ghcn.wanted import Wanted

ARCHIVES = ("ghcnd_all.tar.gz", "ghcnd_gsn.tar.gz", "ghcnd_hcn.tar.gz")
_BLOCK_BYTES = 32 << 20

T = TypeVar("T")


def find_sources(raw: Path, records: str, wanted: Wanted) -> list[Path]:
    """Return what to read, in order: a file (or parquet folder) a year, one a station, or one.

    Raises
    ------
    DeepsphereError
        If the edition is unknown, or a yearly file or all station files are missing.
    """
    if records in ARCHIVES:
        return [raw / records]
    if records == "stations":
        paths = sorted((raw / "all").glob("*.dly"))
        if not paths:
            raise DeepsphereError(f"{raw / 'all'} holds no .dly file; fetch the raw files again")
        return paths
    years = range(wanted.years[0], wanted.years[1] + 1)
    if records == "parquet":
        return [raw / "parquet" / "by_year" / f"YEAR={year}" for year in years]
    if records == "by-year":
        return [_find_year(raw / "by_year", year) for year in years]
    raise DeepsphereError(
        f"unknown edition of GHCN-Daily {records!r}; known are by-year, stations, parquet, "
        f"{', '.join(ARCHIVES)}"
    )


def _find_year(folder: Path, year: int) -> Path:
    for path in (folder / f"{year}.csv.gz", folder / f"{year}.csv"):
        if path.exists():
            return path
    raise DeepsphereError(
        f"{folder} has neither {year}.csv.gz nor {year}.csv; fetch the raw files again"
    )


def fingerprint(raw: Path, records: str, wanted: Wanted, sources: list[Path]) -> dict[str, Any]:
    """Return what decides the content of the array, for :func:`deepsphere.files.open_scratch`.

    Parameters
    ----------
    raw : Path
        Folder of all raw files.
    records : str
        The edition.
    wanted : Wanted
        What is wanted.
    sources : list of Path
        Files, and year folders of the parquet tree, that are read; told apart by size and time.
    """
    files: list[Path] = []
    for source in sources:
        files += sorted(source.glob("ELEMENT=*/*.parquet")) if source.is_dir() else [source]
    states = [(path.relative_to(raw).as_posix(), path.stat()) for path in files if path.exists()]
    return {
        "records": records,
        "years": list(wanted.years),
        "elements": list(wanted.elements),
        "files": digest_json([[name, at.st_size, at.st_mtime_ns] for name, at in states]),
    }


def read_pieces(
    records: str, sources: list[Path], wanted: Wanted, pieces: Path, workers: int
) -> list[str]:
    """Read everything into finished pieces.

    Parameters
    ----------
    records : str
        The edition.
    sources : list of Path
        What :func:`find_sources` returned.
    wanted : Wanted
        What is wanted.
    pieces : Path
        Folder of the pieces; those that stand there already are not read again.
    workers : int
        Number of threads.

    Returns
    -------
    list of str
        Names of the pieces in the order in which later records replace earlier ones.

    Raises
    ------
    DeepsphereError
        See :func:`deepsphere.sources.ghcn.reader.read_cube`.
    """
    if records in ARCHIVES:
        names = _read_archive(sources[0], wanted, pieces, workers)
        _judge(sources[0], names, wanted, pieces)
    elif records == "stations":
        names = _read_stations(sources, wanted, pieces, workers)
        _judge(sources[0].parent, names, wanted, pieces)
    else:
        names = [source.name for source in sources]
        first = wanted.years[0]
        jobs = [
            partial(_read_year, records, source, wanted, pieces, first + age)
            for age, source in enumerate(sources)
        ]
        _compute(jobs, workers)
    return names


def _judge(source: Path, names: list[str], wanted: Wanted, pieces: Path) -> None:
    """Refuse station files by their counts: one file says little, so by those of all."""
    total = sum_tallies([read_piece(pieces, name)[1] for name in names])
    total.refuse_malformed(source)
    total.refuse_gaps(wanted, source)


def _read_year(records: str, source: Path, wanted: Wanted, pieces: Path, year: int) -> None:
    if is_done(pieces, source.name):
        return
    narrowed = replace(wanted, years=(year, year))
    tally = Tally()
    read = read_by_year if records == "by-year" else read_parquet_year
    piece = Piece(narrowed)
    for block in read(source, f"{source.parent.name}/{source.name}", narrowed, tally):
        piece.add(block)
    tally.refuse_gaps(narrowed, source)
    first_day = int((narrowed.days[0] - wanted.days[0]).astype(np.int64))
    write_piece(pieces, source.name, piece, first_day, tally)


def _read_stations(paths: list[Path], wanted: Wanted, pieces: Path, workers: int) -> list[str]:
    blocks = list(_group(((path, path.stat().st_size) for path in paths), _BLOCK_BYTES))
    jobs = [
        partial(_parse_block, _read_whole(block), wanted, pieces, number)
        for number, block in enumerate(blocks)
    ]
    _compute(jobs, workers)
    return [_block_name(number) for number in range(len(blocks))]


def _read_whole(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        with open_binary(path) as stream:
            content = stream.read()
        refuse_page(path, content[:64])
        yield f"{path.parent.name}/{path.name}", content


def _parse_block(
    files: Iterable[tuple[str, bytes]], wanted: Wanted, pieces: Path, number: int
) -> None:
    if is_done(pieces, _block_name(number)):
        return
    tally = Tally()
    piece = Piece(wanted)
    for place, content in files:
        piece.add(parse_dly(content, place, wanted, tally))
    write_piece(pieces, _block_name(number), piece, 0, tally)


def _read_archive(path: Path, wanted: Wanted, pieces: Path, workers: int) -> list[str]:
    """Read an archive of station files; return the names of the tasks.

    The archive can only be unpacked front to back. So blocks are parsed in rounds of one for each
    worker, and the unpacking of the next round is one more task of a round.
    """
    members = (
        ((f"{path.name}:{name}", content), len(content))
        for name, content in read_members(path, ".dly")
    )
    blocks = enumerate(_group(members, _BLOCK_BYTES))
    unpack = partial(_take, blocks, workers)
    waiting = unpack()
    if not waiting:
        raise DeepsphereError(f"{path} holds no .dly file; delete it and fetch it again")
    names = []
    while waiting:
        names += [_block_name(number) for number, _ in waiting]
        parse = [partial(_parse_block, block, wanted, pieces, number) for number, block in waiting]
        waiting = _compute([unpack, *parse], workers)[0]
    return names


def _take(blocks: Iterator[T], count: int) -> list[T]:
    return list(itertools.islice(blocks, count))


def _group(sized: Iterable[tuple[T, int]], size: int) -> Iterator[list[T]]:
    """Yield lists of neighbours; each list ends with the item that brings it to ``size``."""
    group: list[T] = []
    total = 0
    for item, length in sized:
        group.append(item)
        total += length
        if total >= size:
            yield group
            group, total = [], 0
    if group:
        yield group


def _compute(jobs: Sequence[Callable[[], Any]], workers: int) -> list[Any]:
    """Run jobs in threads and return what they return, in order.

    When a job finds bad input, no other is begun, those that run come to their end (so that none
    writes behind the back of a later reading), and the first error in the order of the jobs is
    raised.
    """
    errors: dict[int, DeepsphereError] = {}

    def run(number: int, job: Callable[[], Any]) -> Any:
        if errors:
            return None
        try:
            return job()
        except DeepsphereError as error:
            errors[number] = error
            return None

    tasks = [delayed(run, traverse=False)(number, job) for number, job in enumerate(jobs)]
    done = compute(*tasks, scheduler="threads", num_workers=workers)  # type: ignore[no-untyped-call]
    if errors:
        raise errors[min(errors)]
    return list(done)


def _block_name(number: int) -> str:
    return f"block-{number:06d}"
