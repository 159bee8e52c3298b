"""Which files of GHCN-Daily to fetch, and where the mirrors have them.

NOAA ships the same records in several editions; :func:`catalogue` lists the files of one:

- ``by-year``: a CSV file a year; the least to download for a few years.
- ``ghcnd_all.tar.gz``, ``ghcnd_gsn.tar.gz``, ``ghcnd_hcn.tar.gz``: archives of one ``.dly`` file a
  station, all years: all stations, or a network of some thousand or of US stations.
- ``stations``: the ``.dly`` files that a folder has.
- ``parquet``: the tree by year and element that a folder or the bucket of AWS has.

NOAA reprocesses the files daily and publishes no hashes: those of the configuration are checked,
the others recorded.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from deepsphere.errors import DeepsphereError
from deepsphere.sources.listing import list_files
from deepsphere.sources.mirrors import Folder, open_mirror
from deepsphere.sources.remote import RemoteFile
from deepsphere.sources.retry import DEFAULT_POLICY, Unavailable
from deepsphere.sources.verify import Content

STATION_LIST = "ghcnd-stations.txt"
INVENTORY = "ghcnd-inventory.txt"
ARCHIVES = ("ghcnd_all.tar.gz", "ghcnd_gsn.tar.gz", "ghcnd_hcn.tar.gz")
EDITIONS = ("by-year", *ARCHIVES, "stations", "parquet")


def catalogue(
    records: str, years: tuple[int, int], hashes: Mapping[str, str], mirrors: Sequence[str]
) -> tuple[RemoteFile, ...]:
    """List the files of one edition of the records.

    Parameters
    ----------
    records : str
        The edition, one of ``EDITIONS``.
    years : tuple of int
        First and last year, both included.
    hashes : mapping of str to str
        Known hash by name of a file, below the raw folder.
    mirrors : sequence of str
        Where the files are; asked here only for the editions whose files they must list.

    Returns
    -------
    tuple of RemoteFile
        The station list, the inventory (optional: nothing here reads it), then the records by name.

    Raises
    ------
    DeepsphereError
        If the edition is unknown, no mirror lists its files, or a hash belongs to none of them.
    """
    files: list[tuple[str, tuple[str, ...], Content]] = [
        (STATION_LIST, (STATION_LIST,), "text"),
        (INVENTORY, (INVENTORY,), "text"),
    ]
    if records == "by-year":
        for year in range(years[0], years[1] + 1):
            name = f"by_year/{year}.csv.gz"
            files.append((name, (name, f"csv.gz/{name}"), "gzip"))
    elif records in ARCHIVES:
        files.append((records, (records,), "tar.gz"))
    elif records == "stations":
        for location in _list_stations(mirrors):
            name = PurePosixPath(location).name
            files.append((f"all/{name}", (f"all/{name}", name), "text"))
    elif records == "parquet":
        for year in range(years[0], years[1] + 1):
            files.extend(
                (location, (location,), "parquet") for location in _list_parquet(year, mirrors)
            )
    else:
        raise DeepsphereError(f"records: found {records!r}, expected one of {', '.join(EDITIONS)}")
    unknown = sorted(set(hashes) - {name for name, _, _ in files})
    if unknown:
        raise DeepsphereError(
            f"hashes: {unknown[0]!r} is not among the files to fetch, which are {files[0][0]}, "
            f"..., {files[-1][0]}; correct the name or remove the hash"
        )
    return tuple(
        RemoteFile(name, locations, content, hashes.get(name), optional=name == INVENTORY)
        for name, locations, content in files
    )


def hint(records: str, mirrors: Sequence[str], source: str = "<name>") -> str:
    """Say which other editions the folders among the mirrors have.

    Parameters
    ----------
    records : str
        The edition that could not be fetched.
    mirrors : sequence of str
        The mirrors.
    source : str, optional
        What the configuration calls the source.

    Returns
    -------
    str
        What to do, to be joined to the error, or an empty string.
    """
    for mirror in map(open_mirror, mirrors):
        if isinstance(mirror, Folder):
            found = [edition for edition in _editions(mirror) if edition != records]
            if found:
                return f"{mirror} has {found[0]}: set sources.{source}.records to it"
    return ""


def _editions(folder: Folder) -> list[str]:
    path = folder.path
    present = {
        "by-year": any(path.glob("by_year/*.csv.gz")) or any(path.glob("csv.gz/by_year/*.csv.gz")),
        **{archive: (path / archive).is_file() for archive in ARCHIVES},
        "stations": any(path.glob("all/*.dly")) or any(path.glob("*.dly")),
        "parquet": any(path.glob("parquet/by_year/YEAR=*")),
    }
    return [edition for edition in EDITIONS if present[edition]]


def _list_stations(mirrors: Sequence[str]) -> list[str]:
    """Return the .dly files of the first folder that has any, in ``all/`` or itself."""
    for mirror in map(open_mirror, mirrors):
        if isinstance(mirror, Folder):
            for pattern in ("all/*.dly", "*.dly"):
                found = sorted(mirror.path.glob(pattern))
                if found:
                    return [path.relative_to(mirror.path).as_posix() for path in found]
    raise DeepsphereError(
        "records stations: none of the mirrors is a folder with .dly files, and NOAA has too many "
        "of them to fetch one by one; set records to by-year or ghcnd_all.tar.gz"
    )


def _list_parquet(year: int, mirrors: Sequence[str]) -> list[str]:
    folder = f"parquet/by_year/YEAR={year}"
    reasons = []
    for mirror in map(open_mirror, mirrors):
        try:
            found = list_files(mirror, folder, ".parquet", DEFAULT_POLICY)
        except Unavailable as error:
            reasons.append(f"{mirror} ({error})")
            continue
        if found:
            return found
        reasons.append(f"{mirror} (nothing there)")
    raise DeepsphereError(
        f"records parquet: no mirror lists files in {folder}: {'; '.join(reasons)}; add "
        "s3://noaa-ghcn-pds or a folder that has them to `mirrors`"
    )
