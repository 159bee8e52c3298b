"""Fetching: mirrors, verification, records, and what a kill leaves behind."""

import gzip
import hashlib
import json
import logging
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.download import fetch_files
from deepsphere.sources.remote import SUMS, FetchedFile, RemoteFile

CONTENT = random.Random(2).randbytes(300_000)
OTHER = CONTENT[::-1]
GZIP = gzip.compress(b"USC00045983,20100101,TMAX,39,,,0,\n" * 5000)
FILE = RemoteFile("data.bin", ("data.bin",), "any")
PAGE = b"<!doctype html><title>Scheduled maintenance</title>"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _expecting(known_hash: str) -> RemoteFile:
    return RemoteFile(FILE.name, FILE.locations, FILE.content, known_hash)


def _files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def raw(tmp_path) -> Path:
    return tmp_path / "data/raw/source"


@pytest.fixture
def shelf(tmp_path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    (folder / "data.bin").write_bytes(CONTENT)
    return folder


@pytest.fixture
def fetch(server, hasty, raw):
    server.files["/data.bin"] = CONTENT

    def call(*files: RemoteFile, mirrors: list[str] | None = None) -> list[FetchedFile]:
        return fetch_files(files or (FILE,), mirrors or [server.url], raw, hasty)

    return call


def test_fetched_file_and_its_records(server, fetch, raw) -> None:
    expected = FetchedFile(
        "data.bin",
        len(CONTENT),
        _sha256(CONTENT),
        f"{server.url}/data.bin",
        server.modified,
        '"one"',
    )
    assert fetch() == [expected]
    assert (raw / "data.bin").read_bytes() == CONTENT
    assert (raw / SUMS).read_text() == f"{_sha256(CONTENT)}  data.bin\n"
    assert _files_below(raw) == {"data.bin", SUMS, ".provenance.json"}


def test_second_call_sends_no_request_and_says_the_same(server, fetch) -> None:
    first = fetch()
    server.requests.clear()
    assert fetch() == first
    assert server.requests == []


def test_second_call_writes_nothing(fetch, raw) -> None:
    fetch()
    before = {path: path.stat().st_mtime_ns for path in [raw, *raw.iterdir()]}
    fetch()
    assert {path: path.stat().st_mtime_ns for path in [raw, *raw.iterdir()]} == before


def test_damaged_file_is_fetched_again(server, fetch, raw, caplog) -> None:
    fetch()
    (raw / "data.bin").write_bytes(OTHER)
    (fetched,) = fetch()
    assert fetched.sha256 == _sha256(CONTENT)
    assert (raw / "data.bin").read_bytes() == CONTENT
    assert _sha256(OTHER) in caplog.text
    assert "publisher" not in caplog.text


def test_damaged_file_stays_until_it_is_replaced(server, fetch, raw) -> None:
    fetch()
    (raw / "data.bin").write_bytes(OTHER)
    server.files.clear()
    with pytest.raises(DeepsphereError):
        fetch()
    assert (raw / "data.bin").read_bytes() == OTHER


def test_publishers_update_is_kept_and_both_digests_said(server, fetch, raw, caplog) -> None:
    fetch()
    (raw / "data.bin").unlink()
    server.files["/data.bin"] = OTHER
    (fetched,) = fetch()
    assert fetched.sha256 == _sha256(OTHER)
    assert _sha256(OTHER) in (raw / SUMS).read_text()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert _sha256(CONTENT) in warning
    assert _sha256(OTHER) in warning


def test_file_without_a_record_is_fetched(server, fetch, raw, caplog) -> None:
    raw.mkdir(parents=True)
    (raw / "data.bin").write_bytes(OTHER)
    fetch()
    assert (raw / "data.bin").read_bytes() == CONTENT
    assert "without a record" in caplog.text


def test_file_with_its_known_hash_is_kept_without_a_record(server, fetch, raw) -> None:
    raw.mkdir(parents=True)
    (raw / "data.bin").write_bytes(CONTENT)
    expecting = _expecting(_sha256(CONTENT))
    first = fetch(expecting)
    assert first == [FetchedFile("data.bin", len(CONTENT), _sha256(CONTENT))]
    assert fetch(expecting) == first
    assert server.requests == []


def test_known_hash_outranks_the_record(server, fetch, raw) -> None:
    fetch()
    server.files["/data.bin"] = OTHER
    (fetched,) = fetch(_expecting("md5:" + hashlib.md5(OTHER).hexdigest()))
    assert fetched.sha256 == _sha256(OTHER)


def test_wrong_hash_is_tried_at_every_mirror_then_said(server, fetch, raw, shelf) -> None:
    expected = _sha256(b"something else")
    with pytest.raises(DeepsphereError) as caught:
        fetch(_expecting(expected), mirrors=[server.url, str(shelf)])
    message = str(caught.value)
    assert message.count(expected) == 2
    assert message.count(_sha256(CONTENT)) == 2
    assert f"{server.url}/data.bin has sha256" in message
    assert "what came was deleted" in message
    assert "correct its hash" in message
    assert "\n" not in message
    assert _files_below(raw) == set()
    assert (shelf / "data.bin").exists()


def test_second_mirror_mends_a_wrong_hash(server, fetch, raw, shelf) -> None:
    server.files["/data.bin"] = OTHER
    (fetched,) = fetch(_expecting(_sha256(CONTENT)), mirrors=[server.url, str(shelf)])
    assert fetched.url == "data.bin"


def test_locations_then_mirrors_in_order(server, fetch) -> None:
    server.files["/b/two"] = CONTENT
    file = RemoteFile("data.bin", ("one", "two"), "any")
    (fetched,) = fetch(file, mirrors=[f"{server.url}/a", f"{server.url}/b"])
    assert server.paths == ["/a/one", "/a/two", "/b/one", "/b/two"]
    assert fetched.url == f"{server.url}/b/two"


def test_mirror_that_stopped_answering_is_asked_last(server, fetch, fault) -> None:
    names = ("x", "y", "z")
    for name in names:
        server.files[f"/{name}"] = name.encode()
        server.fail(f"/bad/{name}", *[fault(status=503)] * 10)
    files = [RemoteFile(name, (name,), "any") for name in names]
    fetch(*files, mirrors=[f"{server.url}/bad", server.url])
    assert server.paths == ["/bad/x"] * 3 + ["/x", "/y", "/z"]


def test_every_mirrors_reason_is_said(server, fetch, fault, shelf, free_port) -> None:
    server.fail("/bad/gone", *[fault(status=500)] * 10)
    nobody = f"http://127.0.0.1:{free_port}"
    mirrors = [server.url, f"{server.url}/bad", nobody, str(shelf), "nowhere"]
    with pytest.raises(DeepsphereError) as caught:
        fetch(RemoteFile("gone", ("gone",), "any"), mirrors=mirrors)
    message = str(caught.value)
    assert f"HTTP 404 Not Found for {server.url}/gone" in message
    assert f"HTTP 500 Internal Server Error for {server.url}/bad/gone (3 attempts" in message
    assert f"{nobody}/gone: Connection refused" in message
    assert f"folder {shelf} (it has no gone)" in message
    assert "folder nowhere (no such folder, seen from" in message
    assert message.endswith("add a folder that has it to `mirrors`")


def test_web_page_in_place_of_data(server, fetch, raw) -> None:
    server.pages["/x.csv.gz"] = PAGE
    with pytest.raises(DeepsphereError, match="is a web page: 'Scheduled maintenance'"):
        fetch(RemoteFile("x.csv.gz", ("x.csv.gz",), "gzip"))
    assert _files_below(raw) == set()


def test_web_page_is_recognised_before_the_hash(server, fetch) -> None:
    server.pages["/x.csv.gz"] = PAGE
    with pytest.raises(DeepsphereError, match="is a web page"):
        fetch(RemoteFile("x.csv.gz", ("x.csv.gz",), "gzip", _sha256(GZIP)))


def test_truncated_archive_is_refused(server, fetch, raw) -> None:
    server.files["/x.csv.gz"] = GZIP[:-10]
    with pytest.raises(DeepsphereError, match="is a truncated gzip file"):
        fetch(RemoteFile("x.csv.gz", ("x.csv.gz",), "gzip"))
    assert _files_below(raw) == set()


def test_spoiled_part_is_begun_afresh_once(server, fetch, raw, fault) -> None:
    file = RemoteFile("x.csv.gz", ("x.csv.gz",), "gzip")
    server.files["/x.csv.gz"] = GZIP
    server.fail("/x.csv.gz", fault(drop_after=200), *[fault(status=500)] * 2)
    with pytest.raises(DeepsphereError):
        fetch(file)
    part = raw / "x.csv.gz.part"
    part.write_bytes(bytes(len(part.read_bytes())))
    server.requests.clear()
    fetch(file)
    assert (raw / "x.csv.gz").read_bytes() == GZIP
    assert server.ranges == ["bytes=200-", None]


def test_bucket_through_an_endpoint(server, fetch, monkeypatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    server.files["/noaa/csv.gz/by_year/2010.csv.gz"] = GZIP
    name = "by_year/2010.csv.gz"
    (fetched,) = fetch(RemoteFile(name, (name, f"csv.gz/{name}"), "gzip"), mirrors=["s3://noaa"])
    assert server.paths == ["/noaa/by_year/2010.csv.gz", "/noaa/csv.gz/by_year/2010.csv.gz"]
    assert fetched.url == "s3://noaa/csv.gz/by_year/2010.csv.gz"


@pytest.mark.parametrize("form", ["path", "file url", "relative"])
def test_folder_without_network(fetch, server, raw, shelf, monkeypatch, form) -> None:
    monkeypatch.chdir(shelf.parent)
    mirror = {"path": str(shelf), "file url": shelf.as_uri(), "relative": "file:shelf"}[form]
    (fetched,) = fetch(mirrors=[mirror])
    assert fetched == FetchedFile("data.bin", len(CONTENT), _sha256(CONTENT), "data.bin")
    assert str(shelf) not in (raw / ".provenance.json").read_text()
    assert server.requests == []


def test_copy_is_a_file_of_its_own(fetch, raw, shelf) -> None:
    fetch(mirrors=[str(shelf)])
    (raw / "data.bin").write_bytes(b"")
    assert (shelf / "data.bin").read_bytes() == CONTENT


def test_raw_folder_may_be_its_own_mirror(fetch, raw) -> None:
    raw.mkdir(parents=True)
    (raw / "data.bin").write_bytes(CONTENT)
    (fetched,) = fetch(mirrors=[str(raw)])
    assert fetched.sha256 == _sha256(CONTENT)
    assert (raw / "data.bin").read_bytes() == CONTENT


def test_folder_that_lacks_the_file_leaves_what_was_begun(server, fetch, shelf, fault) -> None:
    (shelf / "data.bin").unlink()
    mirrors = [str(shelf), server.url]
    server.fail("/data.bin", fault(drop_after=100_000), *[fault(status=500)] * 2)
    with pytest.raises(DeepsphereError):
        fetch(mirrors=mirrors)
    server.requests.clear()
    fetch(mirrors=mirrors)
    assert server.ranges == ["bytes=100000-"]


def test_optional_file_may_be_missing(server, fetch, caplog) -> None:
    missing = RemoteFile("extra", ("extra",), "any", optional=True)
    assert [file.name for file in fetch(missing, FILE)] == ["data.bin"]
    assert "HTTP 404" in caplog.text


def test_optional_file_with_a_known_hash_must_have_it(server, fetch) -> None:
    server.files["/extra"] = CONTENT
    extra = RemoteFile("extra", ("extra",), "any", _sha256(OTHER), optional=True)
    with pytest.raises(DeepsphereError, match="expected"):
        fetch(extra)


def test_files_before_a_failure_are_recorded(server, fetch, raw) -> None:
    with pytest.raises(DeepsphereError):
        fetch(FILE, RemoteFile("gone", ("gone",), "any"))
    server.requests.clear()
    fetch()
    assert server.requests == []


def test_names_are_fetched_once(fetch) -> None:
    with pytest.raises(DeepsphereError, match=r"data\.bin is to be fetched 2 times"):
        fetch(FILE, FILE)


def test_no_mirror(raw) -> None:
    with pytest.raises(DeepsphereError, match="no mirror"):
        fetch_files([FILE], [], raw)


def test_folder_that_cannot_be_made(tmp_path, shelf) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DeepsphereError, match=r"cannot fetch into .*: Not a directory"):
        fetch_files([FILE], [str(shelf)], tmp_path / "file/raw")


def test_link_in_the_raw_folder_is_replaced_not_followed(fetch, raw, tmp_path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"untouched")
    raw.mkdir(parents=True)
    (raw / "data.bin").symlink_to(outside)
    (raw / "data.bin.part").symlink_to(outside)
    fetch()
    assert outside.read_bytes() == b"untouched"
    assert (raw / "data.bin").read_bytes() == CONTENT
    assert not (raw / "data.bin").is_symlink()


PROGRAM = """
import os, signal, sys
from pathlib import Path
from deepsphere.sources import download

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

{kill}
file = download.RemoteFile("data.bin", ("data.bin",), "any")
download.fetch_files([file], [sys.argv[1]], Path(sys.argv[2]))
"""

KILLS = {
    "in the middle of a copy": """
import contextlib
download._BLOCK_BYTES = 1000
download.report_progress = lambda *_: contextlib.nullcontext(die)
""",
    "before verification": "download._verify = die",
    "before the file gets its name": "download._publish = die",
    "after the file got its name": "download.sync_folder = die",
}


def _child(kill: str, mirror: str, folder: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(kill=kill), mirror, str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_killed_download_continues_to_the_same_bytes(server, fetch, raw, fault) -> None:
    server.fail("/data.bin", fault(stall_after=131_072))
    child = _child("", server.url, raw)
    part = raw / "data.bin.part"
    deadline = time.monotonic() + 20
    while not (part.exists() and part.stat().st_size >= 131_072) and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    server.resume.set()
    assert not (raw / "data.bin").exists()
    server.requests.clear()

    (fetched,) = fetch()
    assert server.ranges == ["bytes=131072-"]
    assert (raw / "data.bin").read_bytes() == CONTENT
    assert fetched.etag == '"one"'
    assert _files_below(raw) == {"data.bin", SUMS, ".provenance.json"}


@pytest.mark.parametrize("moment", KILLS)
def test_killed_copy_leaves_the_whole_file_or_none(fetch, raw, shelf, moment) -> None:
    child = _child(KILLS[moment], str(shelf), raw)
    assert child.wait(20) == -signal.SIGKILL
    final = raw / "data.bin"
    assert final.exists() == (moment == "after the file got its name")
    assert not final.exists() or final.read_bytes() == CONTENT

    (fetched,) = fetch(mirrors=[str(shelf)])
    assert final.read_bytes() == CONTENT
    assert fetched.url == "data.bin"
    assert _files_below(raw) == {"data.bin", SUMS, ".provenance.json"}


def test_download_killed_before_it_got_its_name_needs_no_request(server, fetch, raw) -> None:
    child = _child("download._publish = die", server.url, raw)
    assert child.wait(20) == -signal.SIGKILL
    server.requests.clear()
    (fetched,) = fetch()
    assert server.requests == []
    assert fetched.etag == '"one"'


def test_progress_is_logged_without_a_terminal(server, fetch, caplog, monkeypatch) -> None:
    monkeypatch.setattr("deepsphere.sources.progress._PROGRESS_SECONDS", 0.0)
    with caplog.at_level(logging.INFO):
        fetch()
    assert "data.bin: 0.3 of 0.3 MB" in caplog.text


def test_provenance_is_plain_data(fetch, raw) -> None:
    fetch()
    (entry,) = json.loads((raw / ".provenance.json").read_text())
    assert set(entry) == {"name", "size", "sha256", "url", "modified", "etag"}
