"""One thin command a stage.

Every stage is run in one of two ways: with ``--settings``, as Snakemake does, or by the names of
what it makes, which are then looked up in the configuration. Both call the same function.
"""

import importlib
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepsphere.cli.looking import describe_graph
from deepsphere.cli.options import Config, Settings, Threads, find_settings
from deepsphere.errors import DeepsphereError
from deepsphere.locks import only_writer
from deepsphere.provenance import unchanged_code
from deepsphere.slurm import in_job, spread, torchrun

if TYPE_CHECKING:
    from deepsphere.workers import Workers

_LAST = {
    "fetch": "manifest",
    "store": "manifest",
    "graph": "manifest",
    "evaluate": "evaluation",
    "baseline": "output",
    "summarize": "metrics",
    "report": "report",
}
"""The setting with the path of the file that a stage writes last."""

_SHARE_OF_MEMORY = 0.8
"""What workers get of the memory of a job; the rest is for the processes around them."""


def fetch(
    source: Annotated[str | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
) -> None:
    """Fetch the raw files of a source, or simulate them."""
    _run("fetch", find_settings("fetch", [source], settings, config))


def store(
    store: Annotated[str | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
    threads: Threads = 2,
    memory: Annotated[
        int | None, typer.Option(min=1, help="Megabytes to stay below, of each task.")
    ] = None,
    cluster: Annotated[
        str, typer.Option(help="Where to work: local, slurm (the tasks of this job), an address.")
    ] = "local",
    tasks: Annotated[int, typer.Option(min=1, help="Tasks of the Slurm job.")] = 1,
) -> None:
    """Make a store of samples of the raw files of a source."""
    values = find_settings("store", [store], settings, config)
    if cluster == "slurm" and in_job():
        sys.exit(spread([sys.executable, "-m", "deepsphere", *sys.argv[1:]], tasks, threads))
    from deepsphere.workers import open_workers

    folder = Path(values["folder"])
    limit = None if memory is None else int(memory * 10**6 * _SHARE_OF_MEMORY)
    meeting = folder.with_name(f".{folder.name}.meeting")
    with open_workers(cluster, threads, limit, meeting) as workers:
        _run("store", values, workers)


def graph(
    graph: Annotated[str | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
    threads: Threads = 1,
    describe: Annotated[
        bool, typer.Option("--describe", help="Show the graph that was built instead.")
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="With --describe: also draw it, to a PNG file.")
    ] = None,
) -> None:
    """Build the graphs of a sampling and its coarser levels, or show them."""
    if describe:
        describe_graph(graph, config, plot)
    elif plot is not None:
        raise DeepsphereError("graph: --plot goes with --describe; give both")
    else:
        _run("graph", find_settings("graph", [graph], settings, config), threads)


def train(
    experiment: Annotated[str | None, typer.Argument()] = None,
    variant: Annotated[str | None, typer.Argument()] = None,
    seed: Annotated[int | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
    threads: Threads = 1,
) -> None:
    """Train a variant of an experiment with a seed, or go on training it."""
    values = find_settings("train", [experiment, variant, seed], settings, config)
    nodes, devices = (values["training"][name] for name in ("nodes", "devices"))
    if nodes > 1 and in_job():
        command = [*torchrun(nodes, devices), "-m", "deepsphere", *sys.argv[1:]]
        sys.exit(spread(command, nodes, threads, nodes))
    _run("train", values, threads)


def evaluate(
    experiment: Annotated[str | None, typer.Argument()] = None,
    variant: Annotated[str | None, typer.Argument()] = None,
    seed: Annotated[int | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
    threads: Threads = 1,
) -> None:
    """Score a trained run on the test samples."""
    values = find_settings("evaluate", [experiment, variant, seed], settings, config)
    _run("evaluate", values, threads)


def baseline(
    experiment: Annotated[str | None, typer.Argument()] = None,
    task: Annotated[str | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
) -> None:
    """Score the baselines of a task of an experiment."""
    _run("baseline", find_settings("baseline", [experiment, task], settings, config))


def summarize(
    experiment: Annotated[str | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
) -> None:
    """Gather the results of an experiment in one table."""
    _run("summarize", find_settings("summarize", [experiment], settings, config))


def report(settings: Settings = None, config: Config = None) -> None:
    """Draw the figures and write the report of all experiments."""
    _run("report", find_settings("report", [], settings, config))


def _run(stage: str, values: dict[str, Any], resources: "int | Workers" = 1) -> None:
    # The processes of one training share its output: there, the stage itself knows who writes.
    alone = nullcontext() if stage == "train" else only_writer(Path(values[_LAST[stage]]), True)
    with unchanged_code(), alone:
        importlib.import_module(f"deepsphere.stages.{stage}").run(values, resources)
