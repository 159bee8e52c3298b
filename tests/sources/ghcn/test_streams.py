"""Blocks of bytes out of gzip, text and archives; whatever is cut short is refused."""

import gzip
import io
import random
import tarfile
from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn import streams
from deepsphere.sources.ghcn.streams import read_gzip, read_lines, read_members

TEXT = b"".join(b"%d,%d\n" % (i, random.Random(i).getrandbits(40)) for i in range(2000))


def _tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize("size", [7, 1000, 1 << 20])
def test_content_is_whole_whatever_the_block(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BLOCK_BYTES", size)
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(TEXT[:9000]) + gzip.compress(TEXT[9000:]) + b"\0" * 600)
    assert b"".join(read_gzip(path)) == TEXT
    blocks = list(read_lines(path))
    assert b"".join(blocks) == TEXT
    assert all(block.endswith(b"\n") for block in blocks)
    (tmp_path / "x.csv").write_bytes(TEXT[:-1])
    assert b"".join(read_lines(tmp_path / "x.csv")) == TEXT


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.5, 0.99, 0.9999])
def test_cut_gzip_is_refused(tmp_path: Path, share: float) -> None:
    path = tmp_path / "2010.csv.gz"
    whole = gzip.compress(TEXT)
    path.write_bytes(whole[: max(3, int(share * len(whole)))])
    with pytest.raises(DeepsphereError, match=r"2010\.csv\.gz is cut short"):
        list(read_lines(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<!DOCTYPE html><html>404</html>", "is a web page"),
        (b"\n  <html>", "is a web page"),
        (b"ID,DATE\n", "is not gzip"),
        (b"", "is not gzip"),
        (gzip.compress(TEXT, mtime=0) + b"trailing", "is damaged gzip"),
        (gzip.compress(b"<html>", mtime=0), "is a web page"),
        (gzip.compress(b"0" * (3 << 20), mtime=0), "is not text"),
    ],
)
def test_other_things_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "2010.csv.gz"
    path.write_bytes(content)
    with pytest.raises(DeepsphereError, match=f"2010.csv.gz {message}"):
        list(read_lines(path))


def test_damage_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(TEXT))
    content[len(content) // 2] ^= 0xFF
    (tmp_path / "x.gz").write_bytes(bytes(content))
    with pytest.raises(DeepsphereError, match="is damaged gzip"):
        list(read_gzip(tmp_path / "x.gz"))
    with pytest.raises(DeepsphereError, match=r"y\.gz is missing"):
        list(read_gzip(tmp_path / "y.gz"))


def test_members_come_in_order_without_a_file_written(tmp_path: Path) -> None:
    files = {"n/b.dly": TEXT, "n/readme.txt": b"no", "../../a.dly": b"", "n/c.dly": b"x" * 512}
    path = tmp_path / "n.tar.gz"
    path.write_bytes(gzip.compress(_tar(files)))
    wanted = [(name, content) for name, content in files.items() if name.endswith(".dly")]
    assert list(read_members(path, ".dly")) == wanted
    assert [item.name for item in tmp_path.iterdir()] == ["n.tar.gz"]


@pytest.mark.parametrize("length", [0, 100, 512, 600, 512 + 512, 2 * 512 + 100, 3 * 512])
def test_an_archive_without_its_end_is_refused(tmp_path: Path, length: int) -> None:
    # The gzip file is whole, but the archive in it is not: members end at 1024 and at 2048.
    path = tmp_path / "ghcnd_all.tar.gz"
    path.write_bytes(gzip.compress(_tar({"n/b.dly": b"b" * 300, "n/c.dly": b"c" * 500})[:length]))
    with pytest.raises(DeepsphereError, match=r"ghcnd_all\.tar\.gz is cut short"):
        list(read_members(path, ".dly"))


def test_text_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(TEXT))
    with pytest.raises(DeepsphereError, match="is not a tar archive"):
        list(read_members(tmp_path / "x.tar.gz", ".dly"))
