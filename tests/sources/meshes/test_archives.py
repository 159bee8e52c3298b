"""Folders, zips and tars: read alike, and refused alike."""

import io
import os
import pickle
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.archives import Folder, Tar, Zip, open_archive

_FILES = {
    "set/chair/1.off": b"one",
    "set/table/a b.off": b"two" * 100_000,
    "set/table/é.off": b"",
    "top.txt": b"four",
}


def _make_folder(path: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return path


def _make_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("set")
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def _make_tar(path: Path, files: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        folder = tarfile.TarInfo("set")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def _make_tar_gz(path: Path, files: dict[str, bytes]) -> Path:
    return _make_tar(path, files, "w:gz")


_MAKERS = [_make_folder, _make_zip, _make_tar, _make_tar_gz]
Maker = Callable[[Path, dict[str, bytes]], Path]


@pytest.mark.parametrize("make", _MAKERS)
def test_all_kinds_hold_the_same(tmp_path: Path, make: Maker) -> None:
    archive = open_archive(make(tmp_path / "set", _FILES))
    members = {member.name: member.size for member in archive.members()}
    assert members == {name: len(content) for name, content in _FILES.items()}
    assert list(members) == sorted(members)
    for name in [*members, *reversed(members)]:
        assert archive.read(name, 300_000) == _FILES[name]


@pytest.mark.parametrize("make", _MAKERS)
def test_limits_hold(tmp_path: Path, make: Maker) -> None:
    archive = open_archive(make(tmp_path / "set", _FILES))
    with pytest.raises(DeepsphereError, match=r"a b\.off has more than 299999 bytes, the most"):
        archive.read("set/table/a b.off", 299_999)
    assert archive.read("top.txt", 4) == b"four"
    with pytest.raises(DeepsphereError, match=r"holds no nothing\.off"):
        archive.read("nothing.off", 4)


@pytest.mark.parametrize("make", _MAKERS)
def test_archives_travel_and_are_shared(tmp_path: Path, make: Maker) -> None:
    files = {f"{number}.off": bytes([number]) * 70_000 for number in range(40)}
    archive = open_archive(make(tmp_path / "set", files))
    archive.members()
    copy = pickle.loads(pickle.dumps(archive))
    assert copy == archive
    assert len(pickle.dumps(archive)) < 1000
    with ThreadPoolExecutor(4) as pool:
        names = list(files) * 3
        read = list(pool.map(lambda name: copy.read(name, 70_000), names))
    assert read == [files[name] for name in names]
    if os.fork() == 0:
        held = all(archive.read(name, 70_000) == content for name, content in files.items())
        os._exit(0 if held else 1)
    assert os.wait()[1] == 0


def test_an_archive_that_is_replaced_is_opened_again(tmp_path: Path) -> None:
    path = _make_zip(tmp_path / "a.zip", {"1.off": b"old"})
    archive = open_archive(path)
    assert archive.read("1.off", 10) == b"old"
    _make_zip(tmp_path / "b.zip", {"2.off": b"new"}).replace(path)
    assert [member.name for member in archive.members()] == ["2.off"]
    path.unlink()
    with pytest.raises(DeepsphereError, match="cannot be read: No such file"):
        archive.members()


def test_what_it_is_shows_in_its_content(tmp_path: Path) -> None:
    assert isinstance(open_archive(tmp_path), Folder)
    assert isinstance(open_archive(_make_zip(tmp_path / "a.tar", _FILES)), Zip)
    assert isinstance(open_archive(_make_tar(tmp_path / "a.zip", _FILES)), Tar)
    assert isinstance(open_archive(_make_tar_gz(tmp_path / "a.bin", _FILES)), Tar)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x1f\x8bnot gzip", b"BZh91AY&SY"])
def test_other_files_are_no_archives(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    with pytest.raises(DeepsphereError, match="neither a folder, nor a zip, nor a tar"):
        open_archive(path)
    with pytest.raises(DeepsphereError, match="cannot be read: No such file"):
        open_archive(tmp_path / "none")


@pytest.mark.parametrize("name", ["../a.off", "/a.off", "a/../../b.off", "C:\\a.off", "..\\a.off"])
@pytest.mark.parametrize("make", [_make_zip, _make_tar_gz])
def test_names_that_lead_out_refuse_the_archive(tmp_path: Path, make: Maker, name: str) -> None:
    path = tmp_path / "a"
    if make is _make_zip:
        _make_zip(path, {"fine.off": b"", name: b""})
    else:
        with tarfile.open(path, "w:gz") as tar:
            tar.addfile(tarfile.TarInfo("fine.off"))
            tar.addfile(tarfile.TarInfo(name))
    archive = open_archive(path)
    for act in (archive.members, lambda: archive.read("fine.off", 10)):
        with pytest.raises(DeepsphereError, match="which leads out of it"):
            act()


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
def test_links_and_devices_refuse_a_tar(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        info = tarfile.TarInfo("a.off")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(DeepsphereError, match="a link, a device or sparse; pack it again"):
        open_archive(tmp_path / "a.tar").members()


def test_links_refuse_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("a.off")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DeepsphereError, match="a link or a device; pack it again"):
        open_archive(tmp_path / "a.zip").members()


def test_a_folder_follows_links_to_files_and_skips_what_is_no_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "target.off").write_bytes(b"content")
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "link.off").symlink_to(tmp_path / "target.off")
    (folder / "broken.off").symlink_to(tmp_path / "none")
    (folder / "circle").symlink_to(folder)
    (folder / "device.off").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.off")
    archive = open_archive(folder)
    assert [member.name for member in archive.members()] == ["link.off"]
    assert archive.read("link.off", 7) == b"content"
    (warning,) = caplog.messages
    assert warning.startswith(f"{folder}: passed over 1 links to folders (circle); ")
    for name in ("../target.off", str(tmp_path / "target.off")):
        with pytest.raises(DeepsphereError, match="which leads out of it"):
            archive.read(name, 7)
    with pytest.raises(DeepsphereError, match=r"holds no pipe\.off"):
        archive.read("pipe.off", 7)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_are_there_twice_refuse_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.off", "1")
        archive.writestr("./a.off", "2")
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("a.off"))
        tar.addfile(tarfile.TarInfo("a.off"))
    for name in ("a.zip", "a.tar"):
        with pytest.raises(DeepsphereError, match=r"holds 'a\.off' twice"):
            open_archive(tmp_path / name).members()


def test_names_that_are_no_text_refuse_the_archive(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.off")).write_bytes(b"")
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(folder, "set")
    for path in (folder, tmp_path / "a.tar"):
        with pytest.raises(DeepsphereError, match="is not UTF-8; rename that file"):
            open_archive(path).members()


def test_encrypted_and_odd_zips_are_refused(tmp_path: Path) -> None:
    whole = bytearray(_make_zip(tmp_path / "a.zip", {"a.off": b"1" * 100}).read_bytes())
    local, central = whole.index(b"PK\3\4", 1), whole.rindex(b"PK\1\2")
    changed = bytearray(whole)
    changed[local + 6] |= 1
    changed[central + 8] |= 1
    (tmp_path / "a.zip").write_bytes(changed)
    with pytest.raises(DeepsphereError, match=r"a\.off is encrypted; pack it again without"):
        open_archive(tmp_path / "a.zip").members()
    changed = bytearray(whole)
    changed[central + 10] = 14
    (tmp_path / "a.zip").write_bytes(changed)
    with pytest.raises(DeepsphereError, match="compressed by method 14; pack it again with"):
        open_archive(tmp_path / "a.zip").members()


def _change_size(path: Path, size: int) -> None:
    """Make the only member of a zip declare another size, in both places that have it."""
    whole = bytearray(path.read_bytes())
    struct.pack_into("<I", whole, whole.rindex(b"PK\3\4") + 22, size)
    struct.pack_into("<I", whole, whole.rindex(b"PK\1\2") + 24, size)
    path.write_bytes(whole)


def test_a_bomb_is_not_decompressed_beyond_the_limit(tmp_path: Path) -> None:
    path = _make_zip(tmp_path / "a.zip", {"bomb.off": bytes(200_000_000)})
    assert path.stat().st_size < 300_000
    archive = open_archive(path)
    tracemalloc.start()
    try:
        with pytest.raises(DeepsphereError, match="has more than 1000000 bytes"):
            archive.read("bomb.off", 1_000_000)
        _change_size(path, 1000)
        with pytest.raises(DeepsphereError, match=r"bomb\.off is damaged \(Bad CRC-32"):
            archive.read("bomb.off", 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_member_that_is_shorter_than_declared_is_refused(tmp_path: Path) -> None:
    path = _make_zip(tmp_path / "a.zip", {"a.off": b"1" * 100})
    _change_size(path, 200)
    with pytest.raises(DeepsphereError, match="has 100 bytes, not 200 as declared"):
        open_archive(path).read("a.off", 1000)


def test_a_damaged_member_leaves_the_others_readable(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bad.off", b"A" * 50)
        archive.writestr("good.off", b"B" * 50)
    path.write_bytes(path.read_bytes().replace(b"A" * 50, b"A" * 49 + b"C"))
    opened = open_archive(path)
    with pytest.raises(DeepsphereError, match=r"bad\.off is damaged \(Bad CRC-32"):
        opened.read("bad.off", 100)
    assert opened.read("good.off", 100) == b"B" * 50


def test_the_checksum_of_a_tar_gz_is_compared(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=0) as tar:
        info = tarfile.TarInfo("a.off")
        info.size = 50
        tar.addfile(info, io.BytesIO(b"A" * 50))
    path.write_bytes(path.read_bytes().replace(b"A" * 50, b"A" * 49 + b"C"))
    with pytest.raises(DeepsphereError, match=r"is damaged .*incorrect data check"):
        open_archive(path).members()


@pytest.mark.parametrize("make", [_make_zip, _make_tar, _make_tar_gz])
def test_changed_bytes_are_read_or_refused(tmp_path: Path, make: Maker) -> None:
    rng = np.random.default_rng(6)
    names = ("a/é.off", "b" * 120 + ".off")
    whole = np.frombuffer(
        make(tmp_path / "a", dict.fromkeys(names, b"0 1 2")).read_bytes(), np.uint8
    )
    path = tmp_path / "changed"
    refused = 0
    for _ in range(300):
        changed = whole.copy()
        changed[rng.integers(0, min(len(whole), 2000), 3)] = rng.integers(0, 256, 3)
        path.unlink(missing_ok=True)
        path.write_bytes(changed.tobytes())
        try:
            archive = open_archive(path)
            for member in archive.members():
                assert len(archive.read(member.name, 100)) <= 100
        except DeepsphereError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("make", [_make_zip, _make_tar, _make_tar_gz])
def test_cut_short_archives_are_refused_wherever_they_end(tmp_path: Path, make: Maker) -> None:
    whole = make(tmp_path / "whole", {**_FILES, "long/" * 40 + "a.off": b"x" * 5000}).read_bytes()
    path = tmp_path / "cut"
    for length in [*range(1, len(whole) - 10_240, len(whole) // 50), len(whole) // 512 // 2 * 512]:
        path.write_bytes(whole[:length])
        with pytest.raises(DeepsphereError) as caught:
            open_archive(path).members()
        assert "\n" not in str(caught.value)


def test_long_and_foreign_names_are_kept(tmp_path: Path) -> None:
    name = "a" * 90 + "/" + "ü" * 80 + "/1.off"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        path = tmp_path / f"{form}.tar"
        with tarfile.open(path, "w", format=form) as tar:
            tar.addfile(tarfile.TarInfo(name))
        assert [member.name for member in open_archive(path).members()] == [name]


def test_long_headers_and_chains_of_headers_are_refused(tmp_path: Path) -> None:
    huge = tarfile.TarInfo("././@LongLink")
    huge.type, huge.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    chained = tarfile.TarInfo("././@LongLink")
    chained.type, chained.size = tarfile.GNUTYPE_LONGNAME, 512
    link = chained.tobuf() + b"a" * 511 + b"\0"
    plain = tarfile.TarInfo("a.off").tobuf()
    for content, match in (
        (plain + huge.tobuf() + bytes(10_240), "header of 1073741824 bytes"),
        (plain + link * 2000 + bytes(10_240), "recursion"),
    ):
        path = tmp_path / "a.tar"
        path.write_bytes(content)
        archive = open_archive(path)
        tracemalloc.start()
        try:
            with pytest.raises(DeepsphereError, match=match):
                archive.members()
            assert tracemalloc.get_traced_memory()[1] < 20_000_000
        finally:
            tracemalloc.stop()
