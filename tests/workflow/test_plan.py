"""What a user sees before anything runs."""

import subprocess
import sys
from typing import Any

import pytest

OFFLINE = """
import socket, sys
def refuse(*arguments, **keywords):
    raise AssertionError("the dry run touched the network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
from snakemake.cli import main
main(sys.argv[1:])
"""


def dry_run(project: Any, *arguments: str) -> str:
    """Return what a dry run prints, in a process that refuses every connection."""
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, "-n", *arguments],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def jobs(output: str) -> dict[str, int]:
    """Return how many jobs of each rule a dry run lists."""
    table = output.partition("Job stats:")[2].partition("total")[0]
    lines = (line.split() for line in table.splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}


EXPERIMENT = {
    "fetch": 1,
    "store": 4,
    "graph": 6,
    "train": 60,
    "evaluate": 60,
    "baseline": 8,
    "summarize": 1,
}
"""The steps of the experiment ghcn."""

EVERYTHING = {
    "fetch": 8,
    "store": 18,
    "graph": 24,
    "train": 60 + 30 + 27 + 72 + 327,
    "evaluate": 60 + 30 + 27 + 72 + 327,
    "baseline": 8 + 10 + 7 + 12 + 21,
    "summarize": 5,
    "report": 1,
    "all": 1,
}
"""The steps of all experiments."""


def test_a_fresh_clone_lists_the_whole_plan_without_the_network(fresh: Any) -> None:
    assert jobs(dry_run(fresh)) == EVERYTHING


def test_one_table_needs_no_flag(fresh: Any) -> None:
    assert jobs(dry_run(fresh, "results/ghcn/metrics.json")) == EXPERIMENT


def test_a_graph_on_a_sampling_needs_no_data(fresh: Any) -> None:
    output = dry_run(fresh, "data/graphs/sphere.json", "--configfile", "small.yaml")
    assert jobs(output) == {"graph": 1}
    output = dry_run(fresh, "data/graphs/near.json", "--configfile", "small.yaml")
    assert jobs(output) == {"fetch": 1, "store": 1, "graph": 1}


def test_the_slurm_profile_lists_the_same_plan(fresh: Any) -> None:
    pytest.importorskip(
        "snakemake_executor_plugin_slurm", reason="needs pip install 'deepsphere-pipeline[slurm]'"
    )
    output = dry_run(fresh, "--profile", "profiles/slurm", "all")
    assert jobs(output) == EVERYTHING


def test_the_demo_is_simulated_and_stays_in_its_folder(fresh: Any) -> None:
    output = dry_run(fresh, "--configfile", "config/demo.yaml")
    assert jobs(output)["fetch"] == 5
    assert "demo/results/report.html" in output


def test_a_three_line_overlay_names_a_folder_as_a_mirror(fresh: Any) -> None:
    overlay = "sources:\n  ghcn:\n    {records: ghcnd_hcn.tar.gz, mirrors: [../shared/data/ghcn]}\n"
    assert overlay.count("\n") == 3
    (fresh.folder / "mine.yaml").write_text(overlay)
    output = dry_run(fresh, "results/ghcn/metrics.json", "--configfile", "mine.yaml")
    assert jobs(output) == EXPERIMENT


def test_a_wrong_setting_stops_the_plan_in_one_line(fresh: Any) -> None:
    (fresh.folder / "mine.yaml").write_text("sources: {ghcn: {yeers: [2010, 2014]}}\n")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--configfile", "mine.yaml"],
        cwd=fresh.folder,
        env=fresh.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "yeers" in line]
    assert len(lines) == 1
    assert "sources.ghcn" in lines[0]
    assert "years" in lines[0]


def test_every_rule_says_what_it_does_and_needs(fresh: Any) -> None:
    for path in sorted((fresh.folder / "workflow/rules").glob("*.smk")):
        if path.name == "common.smk":
            continue
        text = path.read_text()
        for directive in ("log", "benchmark", "threads", "resources", "params", "message", "shell"):
            assert f"    {directive}:" in text, f"{path.name} has no {directive}"
        assert "mem_mb=" in text, path.name
        assert "runtime=" in text, path.name
