"""The command line: one thin command a stage, and a few to look at things.

Every stage is run in one of two ways: with ``--settings``, as Snakemake does, or by the names of
what it makes, which are then looked up in the configuration. Both call the same function.
"""

import ast
import importlib
import json
import logging
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError

from deepsphere.errors import DeepsphereError
from deepsphere.locks import only_writer
from deepsphere.provenance import unchanged_code
from deepsphere.slurm import in_job, spread, torchrun
from deepsphere.workers import Workers, open_workers

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

app = typer.Typer(
    help=__doc__.split("\n", maxsplit=1)[0] if __doc__ else None,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Settings = Annotated[
    str | None,
    typer.Option(help="Settings of the stage, as JSON or as a Python literal, instead of names."),
]
Config = Annotated[
    list[Path] | None,
    typer.Option(help="Configuration file; later ones lie on top of config/config.yaml."),
]
Threads = Annotated[int, typer.Option(min=1, help="Threads to use.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.callback()
def _options(debug: Debug = False) -> None:
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )
    logging.getLogger("deepsphere").setLevel(logging.DEBUG if debug else logging.INFO)


@app.command()
def fetch(
    source: Annotated[str | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
) -> None:
    """Fetch the raw files of a source, or simulate them."""
    _run("fetch", _settings("fetch", [source], settings, config))


@app.command()
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
    values = _settings("store", [store], settings, config)
    if cluster == "slurm" and in_job():
        sys.exit(spread([sys.executable, "-m", "deepsphere", *sys.argv[1:]], tasks, threads))
    folder = Path(values["folder"])
    limit = None if memory is None else int(memory * 10**6 * _SHARE_OF_MEMORY)
    meeting = folder.with_name(f".{folder.name}.meeting")
    with open_workers(cluster, threads, limit, meeting) as workers:
        _run("store", values, workers)


@app.command()
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
        _describe_graph(graph, config, plot)
    elif plot is not None:
        raise DeepsphereError("graph: --plot goes with --describe; give both")
    else:
        _run("graph", _settings("graph", [graph], settings, config), threads)


@app.command()
def train(
    experiment: Annotated[str | None, typer.Argument()] = None,
    variant: Annotated[str | None, typer.Argument()] = None,
    seed: Annotated[int | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
    threads: Threads = 1,
) -> None:
    """Train a variant of an experiment with a seed, or go on training it."""
    values = _settings("train", [experiment, variant, seed], settings, config)
    nodes, devices = (values["training"][name] for name in ("nodes", "devices"))
    if nodes > 1 and in_job():
        command = [*torchrun(nodes, devices), "-m", "deepsphere", *sys.argv[1:]]
        sys.exit(spread(command, nodes, threads, nodes))
    _run("train", values, threads)


@app.command()
def evaluate(
    experiment: Annotated[str | None, typer.Argument()] = None,
    variant: Annotated[str | None, typer.Argument()] = None,
    seed: Annotated[int | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
    threads: Threads = 1,
) -> None:
    """Score a trained run on the test samples."""
    values = _settings("evaluate", [experiment, variant, seed], settings, config)
    _run("evaluate", values, threads)


@app.command()
def baseline(
    experiment: Annotated[str | None, typer.Argument()] = None,
    task: Annotated[str | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
) -> None:
    """Score the baselines of a task of an experiment."""
    _run("baseline", _settings("baseline", [experiment, task], settings, config))


@app.command()
def summarize(
    experiment: Annotated[str | None, typer.Argument()] = None,
    settings: Settings = None,
    config: Config = None,
) -> None:
    """Gather the results of an experiment in one table."""
    _run("summarize", _settings("summarize", [experiment], settings, config))


@app.command()
def report(settings: Settings = None, config: Config = None) -> None:
    """Draw the figures and write the report of all experiments."""
    _run("report", _settings("report", [], settings, config))


@app.command()
def table(metrics: Annotated[list[Path], typer.Argument(help="metrics.json files")]) -> None:
    """Print the tables of experiments."""
    from rich.console import Console

    from deepsphere.files import read_json
    from deepsphere.report.table import render

    console = Console(width=None if sys.stdout.isatty() else 160)
    for path in metrics:
        metrics = read_json(path, "table of an experiment")
        if not isinstance(metrics, dict) or not {"tasks", "variants"} <= metrics.keys():
            raise DeepsphereError(f"table: {path} is no table of an experiment (metrics.json)")
        console.print(render(metrics))


@app.command()
def check(config: Config = None) -> None:
    """Check the configuration, and list what it makes."""
    plan = _plan(config)
    configuration = plan.configuration
    for what in ("sources", "stores", "graphs", "experiments"):
        typer.echo(f"{what}: {', '.join(getattr(configuration, what))}")
    for name, experiment in configuration.experiments.items():
        runs = len(experiment.variants) * len(experiment.seeds)
        typer.echo(f"{name}: {len(experiment.variants)} variants, {runs} runs")


@app.command()
def lists(
    run: Annotated[Path, typer.Argument(help="Folder of an evaluated classification's seed.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the lists, which is replaced.")],
    dataset: Annotated[str, typer.Option(help="What SHREC'17 calls the data.")] = "test_perturbed",
) -> None:
    """Write what a run retrieves as files for SHREC'17's own program."""
    from deepsphere.lists import write_run_lists

    typer.echo(f"{write_run_lists(run, folder, dataset)} lists in {folder}")


@app.command()
def regrid(
    paths: Annotated[
        list[Path], typer.Argument(help="Files, joined along time; last, the result: .zarr or .nc.")
    ],
    sampling: Annotated[str, typer.Option(help="The target, such as healpix:64.")],
    variables: Annotated[str | None, typer.Option(help="Names, separated by commas.")] = None,
    method: Annotated[
        Literal["auto", "conservative", "bilinear", "nearest"],
        typer.Option(help="auto: conservative, or bilinear where pixels are the smaller ones."),
    ] = "auto",
    winds: Annotated[
        list[str] | None, typer.Option(help="u,v: a wind, regridded as a vector.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option(help="A field of classes: each pixel gets the nearest.")
    ] = None,
    fractions: Annotated[
        list[str] | None, typer.Option(help="name=0,1,2: the share of each class.")
    ] = None,
    missing: Annotated[
        Literal["renormalize", "propagate"],
        typer.Option(help="What a pixel gets of sources that partly lack a value."),
    ] = "renormalize",
    threads: Threads = 2,
    memory: Annotated[int | None, typer.Option(min=1, help="Megabytes to stay below.")] = None,
) -> None:
    """Regrid fields of latitude and longitude to a sampling."""
    from deepsphere.conversion.command import class_lists, regrid_files, wind_pairs

    *sources, output = paths
    regrid_files(
        sources,
        output,
        sampling,
        method=method,
        missing=missing,
        variables=None if variables is None else [name.strip() for name in variables.split(",")],
        winds=wind_pairs(winds or []),
        labels=labels or [],
        fractions=class_lists(fractions or []),
        threads=threads,
        memory=None if memory is None else memory * 10**6,
    )


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run: a seed's.")],
    source: Annotated[
        Path, typer.Argument(metavar="input", help="Fields: NetCDF, HDF5, GRIB or zarr.")
    ],
    output: Annotated[Path, typer.Argument(help="NetCDF file to write.")],
    channel: Annotated[
        list[str] | None,
        typer.Option(help="TMQ=tcwv: what a channel is called in the file; U850=u,level=850."),
    ] = None,
    threads: Threads = 2,
) -> None:
    """Apply a trained run to fields, and write the probability of each class on their own grid.

    Takes runs of segmentations, whose answer is a map, and of classifications, whose answer is one
    of each time. Runs that see several consecutive states leave out times that lack those before.
    """
    from deepsphere.prediction.channels import parse_choices
    from deepsphere.prediction.command import predict_file

    predict_file(run, source, output, parse_choices(channel or []), threads)


show = typer.Typer(help="Look at one piece of data.", no_args_is_help=True)
app.add_typer(show, name="show")


@show.command("mesh")
def show_mesh(
    file: Annotated[Path, typer.Argument(help="A mesh, or one in an archive: meshes.zip/NAME.")],
    plot: Annotated[Path, typer.Option(help="PNG file to write.")],
    sampling: Annotated[str, typer.Option(help="Where the rays start.")] = "healpix:32",
    up: Annotated[Literal["z", "y"], typer.Option(help="Vertical axis of the file.")] = "z",
    longitude: Annotated[float, typer.Option(help="Seen from, degrees east.")] = -40.0,
    latitude: Annotated[float, typer.Option(help="Seen from, degrees north.")] = 25.0,
    whole: Annotated[bool, typer.Option("--whole", help="The whole sphere, not globes.")] = False,
) -> None:
    """Draw a mesh and its six channels on the sphere."""
    from deepsphere import shown

    shown.show_mesh(
        file, plot, sampling, up=up, longitude=longitude, latitude=latitude, whole=whole
    )


@app.command()
def status(config: Config = None) -> None:
    """Show what is done, running, queued, stale and failed."""
    from rich.console import Console

    from deepsphere.report.progress_table import render_counts, render_details
    from deepsphere.status import ask_snakemake, find_jobs, find_progress, list_steps

    arguments = ["--configfile", *map(str, config)] if config else []
    outputs = ask_snakemake(arguments)
    lines = list(find_progress(list_steps(_plan(config)), outputs, find_jobs(Path.cwd())))
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(render_counts(lines))
    details = render_details(lines)
    if details is not None:
        console.print(details)


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration, which config/schema.json holds."""
    from deepsphere.config.schema import schema as configuration_schema

    typer.echo(configuration_schema(), nl=False)


def main() -> None:
    """Run the command line; bad input ends it with one line and exit status 1."""
    try:
        app()
    except (DeepsphereError, OSError, ValidationError, MemoryError) as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)


def _settings(
    stage: str, names: list[Any], settings: str | None, config: list[Path] | None
) -> dict[str, Any]:
    """Return the settings of a stage, given as such or looked up by names."""
    given = [name for name in names if name is not None]
    if settings is not None:
        if given or config:
            raise DeepsphereError(f"{stage}: give --settings, or names and --config, not both")
        return _parse(stage, settings)
    if len(given) < len(names):
        raise DeepsphereError(
            f"{stage}: found {len(given)} of {len(names)} names; see deepsphere {stage} --help"
        )
    values: dict[str, Any] = getattr(_plan(config), stage)(*given).settings
    return values


def _run(stage: str, values: dict[str, Any], resources: int | Workers = 1) -> None:
    # The processes of one training share its output: there, the stage itself knows who writes.
    alone = nullcontext() if stage == "train" else only_writer(Path(values[_LAST[stage]]), True)
    with unchanged_code(), alone:
        importlib.import_module(f"deepsphere.stages.{stage}").run(values, resources)


def _describe_graph(graph: str | None, config: list[Path] | None, plot: Path | None) -> None:
    from rich.console import Console

    from deepsphere.files import read_json
    from deepsphere.report.graph_tables import render_graph

    if graph is None:
        raise DeepsphereError("graph --describe: give the name of a graph of the configuration")
    settings = _plan(config).graph(graph).settings
    path = Path(settings["manifest"])
    if not path.exists():
        raise DeepsphereError(f"graph: {graph} is not built ({path}); run deepsphere graph {graph}")
    manifest = read_json(path, "manifest of the graph")
    if (
        not isinstance(manifest, dict)
        or not {"name", "settings", "padding", "levels"} <= manifest.keys()
    ):
        raise DeepsphereError(
            f"graph: {path} is no manifest of a graph, or of an older one; "
            f"run deepsphere graph {graph}"
        )
    if manifest["settings"] != settings["graph"]:
        raise DeepsphereError(
            f"graph: {path} was built with other settings; run deepsphere graph {graph}"
        )
    Console(width=None if sys.stdout.isatty() else 160).print(render_graph(manifest))
    if plot is not None:
        from deepsphere.report.equivariance import draw_equivariance

        draw_equivariance(manifest["levels"], plot)


def _plan(config: list[Path] | None) -> Any:
    from deepsphere.config.configuration import load_configuration
    from deepsphere.plan import Plan

    return Plan(load_configuration(config or []))


def _parse(stage: str, text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except json.JSONDecodeError:
        try:
            values = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            values = None
    if not isinstance(values, dict):
        raise DeepsphereError(f"{stage}: --settings is no mapping in JSON: found {text[:60]!r}")
    settings: dict[str, Any] = _given(values)
    return settings


class _Given(dict[str, Any]):
    """Settings typed by a person, who may have left something out."""

    def __missing__(self, key: str) -> Any:
        raise DeepsphereError(f"--settings: found no {key!r} among {', '.join(self) or 'nothing'}")


def _given(value: Any) -> Any:
    if isinstance(value, dict):
        return _Given({key: _given(part) for key, part in value.items()})
    return [_given(part) for part in value] if isinstance(value, list) else value
