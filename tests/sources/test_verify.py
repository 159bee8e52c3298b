"""Content and hashes: whole files pass, and no part of one does."""

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.sources.verify import (
    Rejected,
    WrongHash,
    check_content,
    check_hash,
    check_known_hash,
)

ROWS = b"".join(b"USC%08d,20100101,TMAX,%d,,,0,\n" % (n, n % 391) for n in range(2000))
derandomized = settings(
    derandomize=True,
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _parquet() -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"ID": ["a", "b"], "DATA_VALUE": [1, 2]}), buffer)
    return buffer.getvalue()


WHOLE = {
    "gzip": gzip.compress(ROWS),
    "tar.gz": _archive({"ghcnd_hcn/A.dly": ROWS}),
    "text": ROWS,
    "parquet": _parquet(),
    "any": b"",
}


@pytest.mark.parametrize("content", WHOLE)
def test_whole_files_pass(tmp_path: Path, content: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE[content])
    check_content(path, content)


@pytest.mark.parametrize("content", ["gzip", "tar.gz", "parquet"])
@derandomized
@given(data=st.data())
def test_every_truncation_is_caught(tmp_path: Path, content: str, data: st.DataObject) -> None:
    whole = WHOLE[content]
    path = tmp_path / "file"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(Rejected):
        check_content(path, content)


@derandomized
@given(position=st.integers(10, len(WHOLE["gzip"]) - 1), bit=st.integers(0, 7))
def test_every_flipped_bit_of_a_gzip_stream_is_caught(
    tmp_path: Path, position: int, bit: int
) -> None:
    # The ten bytes of the header hold a time and the system, which no checksum covers.
    damaged = bytearray(WHOLE["gzip"])
    damaged[position] ^= 1 << bit
    path = tmp_path / "file"
    path.write_bytes(damaged)
    with pytest.raises(Rejected):
        check_content(path, "gzip")


def test_gzip_without_a_tar_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(WHOLE["gzip"])
    with pytest.raises(Rejected, match="no tar archive"):
        check_content(path, "tar.gz")


@pytest.mark.parametrize("content", ["gzip", "tar.gz", "text", "parquet"])
@pytest.mark.parametrize(
    ("page", "quoted"),
    [
        (b"<!DOCTYPE html>\n<html><head><title>\n Sign &amp; in</title>", "'Sign & in'"),
        (b"\xef\xbb\xbf \n<HTML lang=en><body>Too many requests", "Too many requests"),
        (b'<?xml version="1.0"?>\n<!-- x --><html><title>Gone</title>', "'Gone'"),
    ],
)
def test_web_page_is_quoted(tmp_path: Path, content: str, page: bytes, quoted: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(page)
    with pytest.raises(Rejected, match="is a web page") as caught:
        check_content(path, content)
    assert quoted in str(caught.value)


def test_quote_is_short(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"<html><title>" + b"long " * 100)
    with pytest.raises(Rejected) as caught:
        check_content(path, "text")
    assert len(str(caught.value)) < 100


@pytest.mark.parametrize("content", [b"", b"ABC\0DEF", WHOLE["gzip"]])
def test_what_is_not_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Rejected):
        check_content(path, "text")


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1PAR1"])
def test_marks_alone_are_no_parquet_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(Rejected, match="truncated parquet"):
        check_content(path, "parquet")


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_hash_forms(tmp_path: Path, algorithm: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(ROWS)
    digest = hashlib.new(algorithm, ROWS).hexdigest()
    other = hashlib.new(algorithm, b"").hexdigest()
    check_known_hash(f"{algorithm}:{digest}", "file")
    check_hash(path, f"{algorithm}:{digest.upper()}")
    with pytest.raises(WrongHash) as caught:
        check_hash(path, f"{algorithm}:{other}")
    assert digest in str(caught.value)
    assert other in str(caught.value)


def test_plain_hash_is_sha256(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(ROWS)
    check_hash(path, hashlib.sha256(ROWS).hexdigest())


@pytest.mark.parametrize("known_hash", ["", "abc", "md5:" + "0" * 64, "crc9:00", "z" * 64])
def test_hashes_that_no_file_can_have(known_hash: str) -> None:
    with pytest.raises(DeepsphereError, match=r"x\.csv"):
        check_known_hash(known_hash, "x.csv")
