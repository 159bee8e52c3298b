"""Mirrors: how they are written, what they are called, where they lead."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.sources.mirrors import (
    Bucket,
    Folder,
    Website,
    check_relative,
    open_mirror,
    without_password,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://host/pub/ghcn/", Website("https://host/pub/ghcn")),
        ("http://127.0.0.1:8000", Website("http://127.0.0.1:8000")),
        ("HTTPS://host/x", Website("HTTPS://host/x")),
        ("s3://noaa-ghcn-pds", Bucket("noaa-ghcn-pds", "")),
        ("s3://bucket/some/prefix/", Bucket("bucket", "some/prefix")),
        ("file:///srv/with%20space", Folder(Path("/srv/with space"))),
        ("file://localhost/srv", Folder(Path("/srv"))),
        ("file:data/ghcn", Folder(Path("data/ghcn"))),
        ("../data/100%", Folder(Path("../data/100%"))),
        ("~/data", Folder(Path.home() / "data")),
    ],
)
def test_forms(text: str, expected: object) -> None:
    assert open_mirror(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("ftp://host/x", "found scheme 'ftp'"),
        ("s3://", "not a bucket name"),
        ("s3://Not_A_Bucket/x", "'Not_A_Bucket' is not a bucket name"),
        ("https:///path", "no host name"),
        ("https://host/path?token=secret", "cannot have a ?"),
        ("http://[half/x", "not a URL"),
        ("file://data/ghcn", "file:data/ghcn"),
    ],
)
def test_other_forms_are_refused(text: str, said: str) -> None:
    with pytest.raises(DeepsphereError) as caught:
        open_mirror(text)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_bucket_is_read_over_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    location = "parquet/by_year/YEAR=2010/a+b c.parquet"
    assert Bucket("noaa-ghcn-pds", "").url(location) == (
        "https://noaa-ghcn-pds.s3.amazonaws.com/parquet/by_year/YEAR=2010/a%2Bb%20c.parquet"
    )
    assert Bucket("b-1", "p/q").url("x.csv") == "https://b-1.s3.amazonaws.com/p/q/x.csv"
    assert Bucket("with.dot", "").url("x") == "https://s3.amazonaws.com/with.dot/x"


def test_endpoint_of_another_s3_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000/")
    bucket = Bucket("bucket", "p")
    assert bucket.url("x.csv") == "http://127.0.0.1:9000/bucket/p/x.csv"
    assert bucket.origin("x.csv") == "s3://bucket/p/x.csv"


def test_passwords_are_used_but_not_shown() -> None:
    mirror = open_mirror("https://me:secret@host:8443/data")
    assert isinstance(mirror, Website)
    assert mirror.url("x") == "https://me:secret@host:8443/data/x"
    assert mirror.origin("x") == "https://host:8443/data/x"
    assert str(mirror) == "https://host:8443/data"
    assert without_password("https://host/a@b") == "https://host/a@b"


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "./a",
        "a/",
        "a\\b",
        "a\nb",
        "a\0b",
    ],
)
def test_paths_that_are_refused(path: str) -> None:
    with pytest.raises(DeepsphereError, match="not a plain relative path"):
        check_relative(path, "name")


@settings(derandomize=True, max_examples=300)
@given(st.text(alphabet="ab./\\~ \n\0é", max_size=12))
def test_accepted_paths_stay_in_their_folder(path: str) -> None:
    root = Path("/some/folder")
    try:
        check_relative(path, "name")
    except DeepsphereError:
        return
    inside = Path(*(root / path).parts)
    assert ".." not in inside.parts
    assert inside.parts[: len(root.parts)] == root.parts
    assert len(inside.parts) > len(root.parts)
