"""How far the pipeline is, for a terminal."""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

_STYLES = {
    "done": "green",
    "running": "cyan",
    "queued": "blue",
    "stale": "yellow",
    "failed": "bold red",
    "waiting": "dim",
}
_QUIET = ("done", "waiting")


class Line(Protocol):
    """A step, its state, and what there is to say of it."""

    @property
    def stage(self) -> str: ...  # noqa: D102

    @property
    def names(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def state(self) -> str: ...  # noqa: D102

    @property
    def detail(self) -> str: ...  # noqa: D102


def render_counts(lines: Sequence[Line]) -> Table:
    """Return how many steps of each stage are in each state."""
    states = [state for state in _STYLES if any(line.state == state for line in lines)]
    table = Table(box=SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("stage")
    for state in states:
        table.add_column(Text(state, _STYLES[state]), justify="right")
    for stage in dict.fromkeys(line.stage for line in lines):
        counts = Counter(line.state for line in lines if line.stage == stage)
        cells = [Text(str(counts[state] or "·"), _STYLES[state]) for state in states]
        table.add_row(stage, *cells)
    return table


def render_details(lines: Sequence[Line]) -> Table | None:
    """Return what is neither done nor waiting, with what there is to say; None if nothing is."""
    told = [line for line in lines if line.state not in _QUIET]
    if not told:
        return None
    table = Table(box=SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column("state", no_wrap=True)
    table.add_column("step", no_wrap=True)
    table.add_column("", overflow="fold")
    for state in _STYLES:
        for line in told:
            if line.state == state:
                name = " ".join((line.stage, *line.names))
                table.add_row(Text(state, _STYLES[state]), name, Text(line.detail))
    return table
