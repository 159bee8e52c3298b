"""Commands that look at what there is: the configuration, the state of the work, results, data."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from deepsphere.cli.options import Config, load_plan
from deepsphere.errors import DeepsphereError

if TYPE_CHECKING:
    from rich.console import Console


def check(config: Config = None) -> None:
    """Check the configuration, and list what it makes."""
    configuration = load_plan(config).configuration
    for what in ("sources", "stores", "graphs", "experiments"):
        typer.echo(f"{what}: {', '.join(getattr(configuration, what))}")
    for name, experiment in configuration.experiments.items():
        runs = len(experiment.variants) * len(experiment.seeds)
        typer.echo(f"{name}: {len(experiment.variants)} variants, {runs} runs")


def schema() -> None:
    """Print the JSON schema of the configuration, which config/schema.json holds."""
    from deepsphere.config.schema import schema as configuration_schema

    typer.echo(configuration_schema(), nl=False)


def status(config: Config = None) -> None:
    """Show what is done, running, queued, stale and failed."""
    from deepsphere.report.progress_table import render_counts, render_details
    from deepsphere.status import ask_snakemake, find_jobs, find_progress, list_steps

    arguments = ["--configfile", *map(str, config)] if config else []
    outputs = ask_snakemake(arguments)
    lines = list(find_progress(list_steps(load_plan(config)), outputs, find_jobs(Path.cwd())))
    console = _console()
    console.print(render_counts(lines))
    details = render_details(lines)
    if details is not None:
        console.print(details)


def table(metrics: Annotated[list[Path], typer.Argument(help="metrics.json files")]) -> None:
    """Print the tables of experiments."""
    from deepsphere.files import read_json
    from deepsphere.report.table import render

    console = _console()
    for path in metrics:
        found = read_json(path, "table of an experiment")
        if not isinstance(found, dict) or not {"tasks", "variants"} <= found.keys():
            raise DeepsphereError(f"table: {path} is no table of an experiment (metrics.json)")
        console.print(render(found))


def lists(
    run: Annotated[Path, typer.Argument(help="Folder of an evaluated classification's seed.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the lists, which is replaced.")],
    dataset: Annotated[str, typer.Option(help="What SHREC'17 calls the data.")] = "test_perturbed",
) -> None:
    """Write what a run retrieves as files for SHREC'17's own program."""
    from deepsphere.lists import write_run_lists

    typer.echo(f"{write_run_lists(run, folder, dataset)} lists in {folder}")


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


def describe_graph(graph: str | None, config: Config, plot: Path | None) -> None:
    """Print what the manifest of a graph says, and draw it to a file if one is given.

    Raises
    ------
    DeepsphereError
        If no graph is named, or the named one was not built with the settings of now.
    """
    from deepsphere.files import read_json
    from deepsphere.report.graph_tables import render_graph

    if graph is None:
        raise DeepsphereError("graph --describe: give the name of a graph of the configuration")
    settings = load_plan(config).graph(graph).settings
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
    _console().print(render_graph(manifest))
    if plot is not None:
        from deepsphere.report.equivariance import draw_equivariance

        draw_equivariance(manifest["levels"], plot)


def _console() -> "Console":
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 160)
