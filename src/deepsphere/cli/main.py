"""The whole command line: all commands, what holds of each, and how errors end them."""

import logging
import sys
from typing import Annotated

import typer
from pydantic import ValidationError

from deepsphere.cli.looking import check, lists, schema, show_mesh, status, table
from deepsphere.cli.own_files import predict, regrid
from deepsphere.cli.stages import (
    baseline,
    evaluate,
    fetch,
    graph,
    report,
    store,
    summarize,
    train,
)
from deepsphere.errors import DeepsphereError

_STAGES = (fetch, store, graph, train, evaluate, baseline, summarize, report)
_OTHERS = (table, check, lists, regrid, predict, status, schema)

app = typer.Typer(
    help="The command line: one thin command a stage, and a few to look at things.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (*_STAGES, *_OTHERS):
    app.command()(_command)

_show = typer.Typer(help="Look at one piece of data.", no_args_is_help=True)
_show.command("mesh")(show_mesh)
app.add_typer(_show, name="show")


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    logging.basicConfig(
        level=logging.WARNING,
        format="%(asctime)s %(message)s",
        datefmt="%Y-%m-%d %H:%M:%S",
    )
    logging.getLogger("deepsphere").setLevel(logging.DEBUG if debug else logging.INFO)


def main() -> None:
    """Run the command line; bad input ends it with one line and exit status 1."""
    try:
        app()
    except (DeepsphereError, OSError, ValidationError, MemoryError) as error:
        if "--debug" in sys.argv:
            raise
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        sys.exit(1)
