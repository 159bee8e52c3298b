"""The names of the files: from a folder, or from the pages of the portal."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.climatenet.catalogue import catalogue, links
from deepsphere.sources.climatenet.raw import fetch_raw
from deepsphere.sources.climatenet.settings import Source
from deepsphere.sources.retry import RetryPolicy

POLICY = RetryPolicy(attempts=1, first_wait_seconds=0.0)

NAMES = [
    "train/data-1996-06-09-01-1_0.nc",
    "train/data-1996-06-10-01-1_0.nc",
    "test/data-2011-06-01-01-1_0.nc",
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def portal(tmp_path: Path, write_state: Callable[..., str]) -> Iterator[str]:
    """Serve the raw folder, whose own folders show as pages of links."""
    for name in NAMES:
        write_state(name)
    handler = partial(Quiet, directory=str(tmp_path / "raw"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def source(*mirrors: str, **settings: Any) -> dict[str, Any]:
    values = {"kind": "climatenet", "mirrors": mirrors, **settings}
    return {"name": "a", **Source.model_validate(values).model_dump(mode="json")}


def test_the_files_of_a_portal(tmp_path: Path, portal: str) -> None:
    fetched = fetch_raw(source(portal), tmp_path / "fetched")
    assert [file.name for file in fetched] == NAMES
    for name in NAMES:
        content = (tmp_path / "fetched" / name).read_bytes()
        assert content == (tmp_path / "raw" / name).read_bytes()


def test_the_files_of_a_folder(tmp_path: Path, portal: str) -> None:
    fetched = fetch_raw(source(str(tmp_path / "raw")), tmp_path / "fetched")
    assert sorted(file.name for file in fetched) == sorted(NAMES)
    few = fetch_raw(source(str(tmp_path / "raw"), files=["test"]), tmp_path / "few")
    assert [file.name for file in few] == NAMES[2:]


def test_links_of_pages_of_web_servers() -> None:
    page = """<a href="?C=N;O=D">Name</a> <a href="/project/">Parent</a>
    <a href="data-1996-06-09-01-1_0.nc">data-1996..</a>
    <A HREF='./data-1996-06-10-01-1_0.nc'>
    <a href="data-1996-06-09-01-1_0.nc">again</a> <a href="../data-1.nc">up</a>
    <a href="data-2000.nc/../../etc/passwd">out</a> <a href="weights.pth">weights</a>"""
    assert links(page) == ["data-1996-06-09-01-1_0.nc", "data-1996-06-10-01-1_0.nc"]


def test_mirrors_that_list_nothing(tmp_path: Path, portal: str) -> None:
    for name in NAMES:
        (tmp_path / "raw" / name).unlink()
    mirrors = [portal, f"{portal}/missing"]
    with pytest.raises(
        DeepsphereError, match=r"nothing there.*404.*put the folders train and test"
    ):
        catalogue((), {}, mirrors, POLICY)
