"""The table of an experiment: what is in its cells, and how a terminal shows it.

:func:`rows` says what the table holds. :func:`render` shows it on a terminal, and
:func:`deepsphere.report.table_html.html` in a page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from deepsphere.report.numbers import as_printed, uncertain
from deepsphere.report.quantities import quantity

_SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Cell:
    """A metric of a row.

    Attributes
    ----------
    mean : float
        Mean over the seeds, or the one value there is.
    deviation : float or None
        Standard deviation over the seeds; None if there is one value only.
    values : tuple of float
        The value of each seed, in the order of the seeds.
    best : bool
        Whether no other row of the task has a better mean.
    """

    mean: float
    deviation: float | None
    values: tuple[float, ...]
    best: bool = False

    @property
    def text(self) -> str:
        """Mean ± standard deviation, rounded."""
        return uncertain(self.mean, self.deviation)


@dataclass(frozen=True)
class Row:
    """A baseline or a variant.

    Attributes
    ----------
    task, name : str
        As in the configuration.
    kind : {"baseline", "variant"}
    title : str
        What it is, in words.
    protocol : str
        "published" or "sound"; "" for a baseline, which follows the protocol of its task.
    parameters : int or None
        Number of fitted values; None for a baseline of which there are only published values.
    cells : dict of str to Cell
        By metric. A metric that the row does not have is not in it.
    published : dict of str to float
        The printed values, by metric.
    footnote : str or None
        Where the printed values are from, and what a reader must know to compare.
    """

    task: str
    name: str
    kind: Literal["baseline", "variant"]
    title: str
    protocol: str
    parameters: int | None
    cells: Mapping[str, Cell]
    published: Mapping[str, float]
    footnote: str | None

    @property
    def label(self) -> str:
        """The row's name in figures."""
        return self.title if self.kind == "variant" and self.title else self.name

    @property
    def parameter_count(self) -> str:
        """The number of fitted values as tables show it; "" if it is not known."""
        return "" if self.parameters is None else f"{self.parameters:,}"


def rows(metrics: Mapping[str, Any]) -> list[Row]:
    """Return the rows of an experiment's table.

    Parameters
    ----------
    metrics : dict
        The content of ``metrics.json``.

    Returns
    -------
    list of Row
        Task by task in the order given; of each task the baselines, then the variants.

    Raises
    ------
    DeepsphereError
        If a metric is not one that the report knows.
    """
    return [row for task in metrics["tasks"] for row in _mark_best(_of_task(metrics, task))]


def footnotes(table: Sequence[Row]) -> list[str]:
    """Return the footnotes of some rows, each once, in the order in which they are needed."""
    return list(dict.fromkeys(row.footnote for row in table if row.footnote))


def size(task: Mapping[str, Any]) -> str:
    """Return the size of a task's data in words."""
    samples = task["samples"]
    parts = ", ".join(f"{samples[split]:,} {split}" for split in _SPLITS if samples.get(split))
    if "answers" in samples:
        each = "one an object" if samples["answers"] < samples["test"] else "one a part of each"
        parts += f" ({samples['answers']:,} answers, {each})"
    broken = task["store"].get("broken", 0)
    aside = f"; {broken:,} broken files set aside" if broken else ""
    return f"{task['pixels']:,} pixels; samples: {parts}{aside}"


def render(metrics: Mapping[str, Any]) -> Table:
    """Return the table of an experiment for a terminal.

    One below the other: the mean over the seeds, the standard deviation, and in parentheses the
    published value; the best mean of each task in bold. Of many metrics there are the most
    important ones. It needs 80 columns.

    Parameters
    ----------
    metrics : dict
        The content of ``metrics.json``.

    Raises
    ------
    DeepsphereError
        If a metric is not one that the report knows.
    """
    listed = rows(metrics)
    shown_metrics = [metric for metric in metrics["metrics"] if quantity(metric).headline]
    notes = footnotes(listed)
    legend = [f"[{number}] {note}" for number, note in enumerate(notes, start=1)]
    title = metrics["title"] + (" (simulated data)" if metrics["simulated"] else "")
    table = Table(
        title=Text(title),
        caption=Text("\n".join(legend)) if legend else None,
        caption_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("name", min_width=12, overflow="fold")
    table.add_column("protocol", no_wrap=True)
    table.add_column("para-\nmeters", justify="right", no_wrap=True)
    for metric in shown_metrics:
        shown = quantity(metric)
        table.add_column(f"{shown.label} {shown.arrow}", justify="right", no_wrap=True)
    for name, task in metrics["tasks"].items():
        head = Text.assemble((task["title"] or name, "bold"), "\n", (size(task), "dim"))
        units = [Text(quantity(metric).unit_of(task["unit"]), "dim") for metric in shown_metrics]
        table.add_row(head, "", "", *units, end_section=True)
        of_task = [row for row in listed if row.task == name]
        for row in of_task:
            table.add_row(
                _name(row, notes),
                row.protocol,
                row.parameter_count,
                *(_cell(row, metric) for metric in shown_metrics),
                end_section=row is of_task[-1],
            )
    return table


def _of_task(metrics: Mapping[str, Any], task: str) -> list[Row]:
    baselines = [
        _baseline(task, name, baseline, metrics["metrics"])
        for name, baseline in metrics["tasks"][task]["baselines"].items()
    ]
    variants = [
        _variant(name, variant, metrics["metrics"])
        for name, variant in metrics["variants"].items()
        if variant["task"] == task
    ]
    return [*baselines, *variants]


def _baseline(task: str, name: str, baseline: Mapping[str, Any], shown: Sequence[str]) -> Row:
    values = baseline["metrics"]
    published, footnote = _published(baseline.get("published"))
    return Row(
        task=task,
        name=name,
        kind="baseline",
        title=baseline["description"],
        protocol="",
        parameters=baseline["parameters"],
        cells={
            metric: Cell(values[metric], None, (values[metric],))
            for metric in shown
            if metric in values
        },
        published=published,
        footnote=footnote,
    )


def _variant(name: str, variant: Mapping[str, Any], shown: Sequence[str]) -> Row:
    cells = {}
    for metric in shown:
        if metric in variant["metrics"]:
            summary = variant["metrics"][metric]
            by_seed = sorted(summary["values"].items(), key=lambda item: int(item[0]))
            cells[metric] = Cell(
                summary["mean"], summary["std"], tuple(value for _, value in by_seed)
            )
    published, footnote = _published(variant["published"])
    return Row(
        task=variant["task"],
        name=name,
        kind="variant",
        title=variant["title"],
        protocol=variant["protocol"],
        parameters=variant["parameters"],
        cells=cells,
        published=published,
        footnote=footnote,
    )


def _published(published: Mapping[str, Any] | None) -> tuple[Mapping[str, float], str | None]:
    """Return the published values of a row, and its footnote."""
    if published is None:
        return {}, None
    for metric in published["metrics"]:
        # Refuses a name that it does not know, which nothing would show.
        quantity(metric)
    words = "; ".join(filter(None, (published["source"], published.get("note"))))
    return published["metrics"], words


def _mark_best(of_task: list[Row]) -> list[Row]:
    """Mark the best value of each metric, unless there is nothing to compare it with."""
    means: dict[str, list[float]] = {}
    for row in of_task:
        for metric, cell in row.cells.items():
            means.setdefault(metric, []).append(cell.mean)
    best = {
        metric: quantity(metric).best(values) for metric, values in means.items() if len(values) > 1
    }
    return [
        replace(
            row,
            cells={
                metric: replace(cell, best=cell.mean == best.get(metric))
                for metric, cell in row.cells.items()
            },
        )
        for row in of_task
    ]


def _name(row: Row, notes: Sequence[str]) -> Text:
    mark = f" [{notes.index(row.footnote) + 1}]" if row.footnote else ""
    return Text.assemble(row.name, mark, "\n", (row.title, "dim"))


def _cell(row: Row, metric: str) -> Text:
    parts: list[Any] = []
    if metric in row.cells:
        cell = row.cells[metric]
        mean, _, deviation = cell.text.partition(" ± ")
        parts.append((mean, "bold green" if cell.best else ""))
        if deviation:
            parts.append((f"\n±{deviation}", ""))
    if metric in row.published:
        parts.append((f"\n({as_printed(row.published[metric])})", "dim"))
    return Text.assemble(*parts)
