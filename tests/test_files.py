"""Files are whole or not there, whenever the process that writes them dies."""

import hashlib
import json
import multiprocessing
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.files import (
    canonical_json,
    digest_json,
    empty_scratch,
    open_scratch,
    publish_folder,
    read_json,
    sha256_file,
    write_bytes,
    write_json,
    written_whole,
)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1])
def test_digest_of_a_file(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(content[:size])
    assert sha256_file(tmp_path / "file") == hashlib.sha256(content[:size]).hexdigest()


@settings(derandomize=True, max_examples=100)
@given(JSON)
def test_canonical_json_gives_the_value_back(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


@settings(derandomize=True, max_examples=50)
@given(st.dictionaries(st.text(), st.integers()))
def test_canonical_json_does_not_depend_on_the_order_of_keys(value: dict[str, int]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical_json(backwards) == canonical_json(value)
    assert digest_json(backwards) == digest_json(value)


def test_canonical_json_is_readable_and_has_no_nan() -> None:
    assert canonical_json({"b": [1], "a": "é"}) == '{\n  "a": "é",\n  "b": [\n    1\n  ]\n}\n'
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"loss": float("nan")})


def test_writing_and_reading(tmp_path: Path) -> None:
    path = tmp_path / "new/folder/file.json"
    write_json(path, {"a": 1})
    assert read_json(path, "a file") == {"a": 1}
    write_bytes(path, b"{}")
    assert read_json(path, "a file") == {}
    assert names_in(path.parent) == ["file.json"]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_json(path, {"old": True})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"new": float("inf")})
    with pytest.raises(TypeError):
        write_bytes(path, "text")  # type: ignore[arg-type]
    assert read_json(path, "a file") == {"old": True}
    assert names_in(tmp_path) == ["file.json"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "manifest of the store maps: .*file.json does not exist; run the stage that makes"),
        (b'{"a": 1', "manifest of the store maps: .*file.json is not JSON .*; delete it and rerun"),
        (b"\xff", "manifest of the store maps: .*file.json is not JSON .*; delete it and rerun"),
    ],
)
def test_a_file_that_is_not_json(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DeepsphereError, match=message):
        read_json(path, "manifest of the store maps")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def killed_at_any_moment(script: str, folder: Path, moments: int) -> None:
    """Run a script that loops for ever and kill it, so often, at different moments."""
    for moment in range(moments):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(0.005 + 0.0171 * moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


REWRITE = """
import sys
from pathlib import Path
from deepsphere.files import write_bytes
path = Path(sys.argv[1], "file")
print("begun", flush=True)
while True:
    for letter in (b"a", b"b"):
        write_bytes(path, letter * 3_000_000)
"""


def test_a_killed_writer_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a" * 3_000_000)
    for _ in range(3):
        killed_at_any_moment(REWRITE, tmp_path, 2)
        found = (tmp_path / "file").read_bytes()
        assert found in (b"a" * 3_000_000, b"b" * 3_000_000)
    assert all(name == "file" or name.startswith(".file.") for name in names_in(tmp_path))


def _read_always(path: Path, stop: Any, seen: Any) -> None:
    while not stop.is_set():
        seen.put(path.read_bytes() in (b"a" * 1000, b"b" * 1000))


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_bytes(path, b"a" * 1000)
    context = multiprocessing.get_context("fork")
    stop, seen = context.Event(), context.SimpleQueue()
    reader = context.Process(target=_read_always, args=(path, stop, seen))
    reader.start()
    results = []
    for number in range(200):
        write_bytes(path, (b"a", b"b")[number % 2] * 1000)
        while not seen.empty():
            results.append(seen.get())
    stop.set()
    while reader.is_alive() or not seen.empty():
        if not seen.empty():
            results.append(seen.get())
    reader.join()
    assert results
    assert all(results)


def test_a_scratch_with_the_same_fingerprint_keeps_its_content(tmp_path: Path) -> None:
    target = tmp_path / "new/store"
    scratch = open_scratch(target, {"settings": [1, 2], "code": "abc"})
    assert scratch.parent == target.parent
    assert scratch.name.startswith(".")
    (scratch / "chunk").write_bytes(b"half a store")
    again = open_scratch(target, {"code": "abc", "settings": [1, 2]})
    assert again == scratch
    assert (again / "chunk").read_bytes() == b"half a store"


@pytest.mark.parametrize("spoil", ["other fingerprint", "no record", "damaged record"])
def test_any_other_scratch_is_emptied(tmp_path: Path, spoil: str) -> None:
    target = tmp_path / "store"
    scratch = open_scratch(target, {"code": "abc"})
    (scratch / "chunk").write_bytes(b"stale")
    (scratch / "folder").mkdir()
    record = scratch / "fingerprint.json"
    if spoil == "no record":
        record.unlink()
    elif spoil == "damaged record":
        record.write_bytes(b"\xff\xfe")
    again = open_scratch(target, {"code": "abd" if spoil == "other fingerprint" else "abc"})
    assert names_in(again) == ["fingerprint.json"]
    assert not target.exists()


DIE_WHILE_EMPTYING = """
import os, shutil, signal, sys
from pathlib import Path
from deepsphere.files import open_scratch

def die(folder):
    (folder / "chunk-1").unlink()
    os.kill(os.getpid(), signal.SIGKILL)

shutil.rmtree = die
open_scratch(Path(sys.argv[1]), {"code": "two"})
"""


def test_a_scratch_half_emptied_by_a_killed_run_is_not_taken_for_whole(tmp_path: Path) -> None:
    target = tmp_path / "store"
    scratch = open_scratch(target, {"code": "one"})
    for number in (1, 2):
        (scratch / f"chunk-{number}").write_bytes(b"whole")
    done = subprocess.run([sys.executable, "-c", DIE_WHILE_EMPTYING, str(target)])
    assert done.returncode == -signal.SIGKILL
    assert "chunk-1" not in names_in(scratch)
    assert names_in(open_scratch(target, {"code": "one"})) == ["fingerprint.json"]


def fill(folder: Path, content: str) -> Path:
    (folder / "deep/er").mkdir(parents=True)
    (folder / "deep/er/file").write_text(content)
    return folder


def test_publishing_gives_the_name_and_replaces_all(tmp_path: Path) -> None:
    target = tmp_path / "stores/maps"
    publish_folder(fill(tmp_path / "stores/.first", "one"), target)
    assert (target / "deep/er/file").read_text() == "one"
    (target / "old").touch()
    publish_folder(fill(tmp_path / "stores/.second", "two"), target)
    assert (target / "deep/er/file").read_text() == "two"
    assert names_in(target) == ["deep"]
    assert names_in(tmp_path / "stores") == ["maps"]


def test_what_a_killed_publication_left_is_cleared_away(tmp_path: Path) -> None:
    target = tmp_path / "maps"
    publish_folder(fill(tmp_path / ".first", "one"), target)
    # Killed after the old folder was set aside: there is none, and the new one is still scratch.
    target.rename(tmp_path / ".maps.replaced")
    publish_folder(fill(tmp_path / ".second", "two"), target)
    assert (target / "deep/er/file").read_text() == "two"
    assert names_in(tmp_path) == ["maps"]


REPUBLISH = """
import itertools, sys
from pathlib import Path
from deepsphere.files import publish_folder
target = Path(sys.argv[1], "maps")
print("begun", flush=True)
for number in itertools.count():
    content = target.with_name(f".content-{number % 2}")
    content.mkdir(exist_ok=True)
    for part in range(40):
        (content / str(part)).write_text(str(number))
    publish_folder(content, target)
"""


def test_a_killed_publisher_leaves_a_whole_folder_or_none(tmp_path: Path) -> None:
    for _ in range(6):
        killed_at_any_moment(REPUBLISH, tmp_path, 1)
        if (tmp_path / "maps").exists():
            texts = [(tmp_path / "maps" / str(part)).read_text() for part in range(40)]
            assert len(set(texts)) == 1


def test_a_stream_becomes_a_file_when_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "large"
    with written_whole(path) as stream:
        stream.write(b"one ")
        assert not path.exists()
        stream.write(b"two")
    assert path.read_bytes() == b"one two"
    with pytest.raises(RuntimeError, match="half"), written_whole(path) as stream:
        stream.write(b"three")
        raise RuntimeError("half of it")
    assert path.read_bytes() == b"one two"
    assert list(path.parent.iterdir()) == [path]


def test_an_empty_scratch_is_empty_and_then_gone(tmp_path: Path) -> None:
    target = tmp_path / "folder" / "large"
    with empty_scratch(target) as scratch:
        (scratch / "part").write_bytes(b"left")
        # A process that is killed leaves it as it is.
        killed = tmp_path / "kept"
        shutil.copytree(scratch, killed)
    assert not scratch.exists()
    killed.rename(scratch)
    with empty_scratch(target) as again:
        assert again == scratch
        assert not list(again.iterdir())
    with pytest.raises(RuntimeError), empty_scratch(target):
        raise RuntimeError
    assert not list(target.parent.iterdir())
