"""Listing folders and buckets."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from deepsphere.sources.listing import list_files
from deepsphere.sources.mirrors import Bucket, Folder, Website
from deepsphere.sources.retry import Refused, Unavailable

KEYS = ["p/a/YEAR=2010/x&y.parquet", "p/a/z.parquet", "p/a/readme.txt", "p/a/"]


def _page(keys: Iterable[str], token: str = "") -> bytes:
    contents = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys)
    following = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"{contents}{following}</ListBucketResult>"
    ).encode()


@pytest.fixture
def listed(server, hasty, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)

    def call() -> list[str]:
        return list_files(Bucket("bucket", "p"), "a", ".parquet", hasty)

    return call


def test_bucket_page_by_page(server, listed) -> None:
    query = {"list-type": "2", "prefix": "p/a/"}
    server.pages[f"/bucket/?{urlencode(query)}"] = _page(KEYS[1:], token="next/+=")
    following = urlencode(query | {"continuation-token": "next/+="})
    server.pages[f"/bucket/?{following}"] = _page(KEYS[:1])
    assert listed() == ["a/YEAR=2010/x&y.parquet", "a/z.parquet"]
    assert len(server.requests) == 2


def test_answer_that_is_no_list(server, listed) -> None:
    query = urlencode({"list-type": "2", "prefix": "p/a/"})
    server.pages[f"/bucket/?{query}"] = b"<html>&nope;"
    with pytest.raises(Unavailable, match="is not a list of objects"):
        listed()


def test_bucket_that_does_not_exist(listed) -> None:
    with pytest.raises(Refused, match="HTTP 404"):
        listed()


def test_folder(tmp_path: Path, hasty) -> None:
    for name in ("a/YEAR=2010/x.parquet", "a/w.parquet", "a/w.txt", "b/w.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list_files(Folder(tmp_path), "a", ".parquet", hasty) == [
        "a/YEAR=2010/x.parquet",
        "a/w.parquet",
    ]
    assert list_files(Folder(tmp_path), "nothing", ".parquet", hasty) == []


def test_website(hasty) -> None:
    with pytest.raises(Refused, match="cannot be listed"):
        list_files(Website("https://host"), "a", ".parquet", hasty)
