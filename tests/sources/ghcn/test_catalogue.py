"""The files of GHCN-Daily's editions, and where the mirrors have them."""

import gzip
import io
import tarfile
from pathlib import Path
from urllib.parse import urlencode

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.download import fetch_files
from deepsphere.sources.ghcn.catalogue import ARCHIVES, EDITIONS, catalogue, hint

NOAA = ("https://www.ncei.noaa.gov/pub/data/ghcn/daily", "s3://noaa-ghcn-pds")
YEARS = (2010, 2014)
LISTS = ["ghcnd-stations.txt", "ghcnd-inventory.txt"]
STATIONS = b"USC00045983  41.3100 -122.3167 1092.1 CA MT SHASTA\n"


def _names(records: str, mirrors: tuple[str, ...] = NOAA) -> list[str]:
    return [file.name for file in catalogue(records, YEARS, {}, mirrors)]


def _put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("ghcnd_hcn/USC00045983.dly")
        archive.addfile(member)
    return buffer.getvalue()


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"ID": ["USC00045983"], "DATA_VALUE": [39]}), buffer)
    return buffer.getvalue()


@pytest.fixture
def shelf(tmp_path) -> Path:
    """Return a folder that has every edition."""
    folder = tmp_path / "shelf"
    _put(folder, "ghcnd-stations.txt", STATIONS)
    for year in range(2010, 2015):
        _put(folder, f"by_year/{year}.csv.gz", gzip.compress(b"rows"))
        _put(folder, f"parquet/by_year/YEAR={year}/ELEMENT=TMAX/0.parquet", _parquet())
    for archive in ARCHIVES:
        _put(folder, archive, _archive())
    for station in ("USC00045983", "ASN00064008"):
        _put(folder, f"all/{station}.dly", station.encode())
    return folder


def test_years(server) -> None:
    files = catalogue("by-year", YEARS, {}, NOAA)
    assert [file.name for file in files[2:]] == [f"by_year/{y}.csv.gz" for y in range(2010, 2015)]
    assert files[2].locations == ("by_year/2010.csv.gz", "csv.gz/by_year/2010.csv.gz")
    assert {file.content for file in files[2:]} == {"gzip"}


@pytest.mark.parametrize("records", ["by-year", *ARCHIVES])
def test_only_the_inventory_is_optional(records) -> None:
    files = catalogue(records, YEARS, {}, NOAA)
    assert [file.name for file in files[:2]] == LISTS
    assert [file.name for file in files if file.optional] == ["ghcnd-inventory.txt"]


@pytest.mark.parametrize("records", EDITIONS)
def test_every_edition_from_a_folder(records, shelf, tmp_path, hasty) -> None:
    files = catalogue(records, YEARS, {}, [str(shelf)])
    fetched = fetch_files(files, [str(shelf)], tmp_path / "raw", hasty)
    names = [file.name for file in files if not file.optional]
    assert len(names) >= 2
    assert [file.name for file in fetched] == names
    for name in names:
        assert (tmp_path / "raw" / name).read_bytes() == (shelf / name).read_bytes()


def test_years_from_a_bucket(server, tmp_path, hasty, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    server.files["/noaa-ghcn-pds/ghcnd-stations.txt"] = STATIONS
    server.files["/noaa-ghcn-pds/csv.gz/by_year/2010.csv.gz"] = gzip.compress(b"rows")
    mirrors = ["s3://noaa-ghcn-pds"]
    files = catalogue("by-year", (2010, 2010), {}, mirrors)
    fetched = fetch_files(files, mirrors, tmp_path / "raw", hasty)
    assert [file.name for file in fetched] == ["ghcnd-stations.txt", "by_year/2010.csv.gz"]


def test_stations_of_a_folder_without_subfolder(tmp_path, hasty) -> None:
    _put(tmp_path, "dly/B.dly", b"b")
    _put(tmp_path, "dly/A.dly", b"a")
    _put(tmp_path, "ghcnd-stations.txt", STATIONS)
    mirrors = (str(tmp_path / "dly"), str(tmp_path))
    assert _names("stations", mirrors) == [*LISTS, "all/A.dly", "all/B.dly"]
    files = catalogue("stations", YEARS, {}, mirrors)
    assert len(fetch_files(files, mirrors, tmp_path / "raw", hasty)) == 3
    assert (tmp_path / "raw/all/A.dly").read_bytes() == b"a"


def test_stations_need_a_folder() -> None:
    with pytest.raises(DeepsphereError, match=r"by-year or ghcnd_all\.tar\.gz"):
        _names("stations")


def test_parquet_of_a_bucket(server, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    for year in range(2010, 2015):
        prefix = f"parquet/by_year/YEAR={year}/"
        query = urlencode({"list-type": "2", "prefix": prefix})
        server.pages[f"/noaa-ghcn-pds/?{query}"] = (
            f"<R><Contents><Key>{prefix}ELEMENT=TMAX/0.parquet</Key></Contents></R>".encode()
        )
    assert _names("parquet") == [
        *LISTS,
        *[f"parquet/by_year/YEAR={year}/ELEMENT=TMAX/0.parquet" for year in range(2010, 2015)],
    ]


def test_parquet_needs_a_list(shelf) -> None:
    with pytest.raises(DeepsphereError, match="a website cannot be listed"):
        _names("parquet", (NOAA[0],))
    with pytest.raises(DeepsphereError, match=r"YEAR=2009: .*nothing there"):
        catalogue("parquet", (2009, 2010), {}, [str(shelf)])


def test_parquet_keys_that_lead_elsewhere_are_refused(server, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    prefix = "parquet/by_year/YEAR=2010/"
    query = urlencode({"list-type": "2", "prefix": prefix})
    server.pages[f"/noaa-ghcn-pds/?{query}"] = (
        f"<R><Contents><Key>{prefix}../../../../x.parquet</Key></Contents></R>".encode()
    )
    with pytest.raises(DeepsphereError, match="not a plain relative path"):
        catalogue("parquet", (2010, 2010), {}, NOAA)


def test_hashes_reach_their_files() -> None:
    hashes = {"by_year/2011.csv.gz": "0" * 64}
    files = catalogue("by-year", YEARS, hashes, NOAA)
    assert {file.name: file.known_hash for file in files if file.known_hash} == hashes


def test_hash_of_no_file() -> None:
    with pytest.raises(DeepsphereError, match=r"'2011\.csv' is not among the files"):
        catalogue("by-year", YEARS, {"2011.csv": "0" * 64}, NOAA)


def test_unknown_edition() -> None:
    with pytest.raises(DeepsphereError, match="found 'daily', expected one of by-year"):
        _names("daily")


def test_hint_names_another_edition(tmp_path) -> None:
    _put(tmp_path, "ghcnd_hcn.tar.gz", b"")
    mirrors = [*NOAA, str(tmp_path)]
    assert hint("by-year", mirrors) == (
        f"folder {tmp_path} has ghcnd_hcn.tar.gz: set sources.<name>.records to it"
    )
    assert hint("by-year", mirrors, "ghcn").endswith("set sources.ghcn.records to it")
    assert hint("ghcnd_hcn.tar.gz", mirrors) == ""
    assert hint("by-year", NOAA) == ""


@pytest.mark.parametrize("edition", EDITIONS)
def test_hint_knows_every_edition(shelf, tmp_path, edition) -> None:
    only = tmp_path / "only"
    for file in catalogue(edition, YEARS, {}, [str(shelf)])[2:]:
        _put(only, file.name, (shelf / file.name).read_bytes())
    other = "parquet" if edition == "by-year" else "by-year"
    assert f"has {edition}:" in hint(other, [str(only)])
    assert hint(edition, [str(only)]) == ""
