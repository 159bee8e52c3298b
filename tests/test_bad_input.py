"""Bad data end with one line that names the file, and exit status 1; nothing is published."""

import gzip
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from deepsphere.sources.ghcn.simulator import write_raw


def spoil_truncate(mirror: Path) -> None:
    path = mirror / "by_year/2011.csv.gz"
    path.write_bytes(path.read_bytes()[:-1000])


def spoil_page(mirror: Path) -> None:
    page = b"<!DOCTYPE html><html><title>503 Service Unavailable</title></html>"
    (mirror / "by_year/2010.csv.gz").write_bytes(page)


def spoil_empty_list(mirror: Path) -> None:
    (mirror / "ghcnd-stations.txt").write_bytes(b"")


def spoil_page_for_list(mirror: Path) -> None:
    (mirror / "ghcnd-stations.txt").write_text("<html><body>Moved</body></html>\n")


def spoil_no_tmin(mirror: Path) -> None:
    path = mirror / "by_year/2011.csv.gz"
    lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(line for line in lines if b",TMIN," not in line)))


def spoil_rubbish(mirror: Path) -> None:
    path = mirror / "by_year/2010.csv.gz"
    path.write_bytes(gzip.compress(b"this is not a record\n" * 1000))


def spoil_missing(mirror: Path) -> None:
    (mirror / "by_year/2011.csv.gz").unlink()


def leave(mirror: Path) -> None:
    assert mirror.is_dir()


@pytest.fixture(scope="session")
def clean_mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mirror") / "ghcn"
    write_raw(folder, "by-year", (2010, 2011), stations=24, seed=3)
    return folder


def deepsphere(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "deepsphere", *arguments, "--config", "mine.yaml"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def prepare(
    folder: Path, clean_mirror: Path, spoil: Callable[[Path], None], **source: object
) -> None:
    shutil.copytree(clean_mirror, folder / "mirror")
    spoil(folder / "mirror")
    split = {"train": 0.7, "test": 0.3}
    store = {"kind": "ghcn", "source": "ghcn", "elements": ["TMIN", "TMAX"], "split": split}
    configuration = {
        "standalone": True,
        "sources": {
            "ghcn": {"kind": "ghcn", "years": [2010, 2011], "mirrors": ["mirror"], **source}
        },
        "stores": {"store": store},
        "graphs": {},
        "experiments": {},
    }
    (folder / "mine.yaml").write_text(yaml.safe_dump(configuration))


@pytest.mark.parametrize(
    ("spoil", "source", "named"),
    [
        (spoil_truncate, {}, ["2011.csv.gz"]),
        (spoil_page, {}, ["2010.csv.gz", "503 Service Unavailable"]),
        (spoil_empty_list, {}, ["ghcnd-stations.txt"]),
        (spoil_page_for_list, {}, ["ghcnd-stations.txt"]),
        (spoil_no_tmin, {}, ["2011.csv.gz", "TMIN"]),
        (spoil_rubbish, {}, ["2010.csv.gz", ":1"]),
        (spoil_missing, {}, ["2011.csv.gz"]),
        (
            leave,
            {"hashes": {"by_year/2010.csv.gz": "0" * 64}},
            ["2010.csv.gz", "0" * 12],
        ),
        (leave, {"records": "ghcnd_hcn.tar.gz"}, ["ghcnd_hcn.tar.gz", "by-year"]),
        (leave, {"mirrors": ["nowhere"]}, ["nowhere"]),
    ],
)
def test_bad_data_end_with_one_line(
    tmp_path: Path,
    clean_mirror: Path,
    spoil: Callable[[Path], None],
    source: dict[str, object],
    named: list[str],
) -> None:
    prepare(tmp_path, clean_mirror, spoil, **source)
    done = deepsphere(tmp_path, "fetch", "ghcn")
    if done.returncode == 0:
        done = deepsphere(tmp_path, "store", "store")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert done.stderr.splitlines()[-1] == errors[0]
    for words in named:
        assert words in errors[0]
    assert not (tmp_path / "data/stores/store").exists()
    assert not (tmp_path / "data/stores/store.json").exists()


def test_good_data_pass(tmp_path: Path, clean_mirror: Path) -> None:
    prepare(tmp_path, clean_mirror, leave)
    assert deepsphere(tmp_path, "fetch", "ghcn").returncode == 0
    assert deepsphere(tmp_path, "store", "store").returncode == 0


def test_a_raw_file_that_changed_after_fetching_is_noticed(
    tmp_path: Path, clean_mirror: Path
) -> None:
    prepare(tmp_path, clean_mirror, leave)
    assert deepsphere(tmp_path, "fetch", "ghcn").returncode == 0
    path = tmp_path / "data/raw/ghcn/by_year/2010.csv.gz"
    path.write_bytes(path.read_bytes() + b"\0")
    done = deepsphere(tmp_path, "store", "store")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: store: {path.relative_to(tmp_path)}")
