"""The table of an experiment as HTML."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from deepsphere.report.numbers import as_printed
from deepsphere.report.quantities import quantity
from deepsphere.report.table import Row, footnotes, rows, size


def html(metrics: Mapping[str, Any]) -> str:
    """Return the table of an experiment, and its footnotes, as HTML without any style.

    Parameters
    ----------
    metrics : dict
        The content of ``metrics.json``.

    Returns
    -------
    str
        A ``table`` with one ``tbody`` a task, and an ordered list of the footnotes if there are
        any. All text of the input is escaped.

    Raises
    ------
    DeepsphereError
        If a metric is not one that the report knows.
    """
    listed = rows(metrics)
    notes = footnotes(listed)
    parts = ['<div class="table"><table>', _head(metrics["metrics"])]
    for name, task in metrics["tasks"].items():
        of_task = [row for row in listed if row.task == name]
        parts.append("<tbody>")
        parts.append(_task_head(name, task, metrics["metrics"]))
        parts.extend(_row(row, metrics["metrics"], notes) for row in of_task)
        parts.append("</tbody>")
    parts.append("</table></div>")
    if notes:
        items = "".join(f"<li>{escape(note)}</li>" for note in notes)
        parts.append(f'<ol class="footnotes">{items}</ol>')
    return "\n".join(parts)


def _head(metrics: Sequence[str]) -> str:
    cells = "".join(
        f'<th scope="col" class="number" title="{escape(shown.meaning)}, '
        f'{shown.better} is better">{escape(shown.label)} {shown.arrow}</th>'
        for shown in map(quantity, metrics)
    )
    return (
        '<thead><tr><th scope="col">name</th><th scope="col">protocol</th>'
        f'<th scope="col" class="number">parameters</th>{cells}</tr></thead>'
    )


def _task_head(name: str, task: Mapping[str, Any], metrics: Sequence[str]) -> str:
    units = "".join(
        f'<td class="number unit">{escape(quantity(metric).unit_of(task["unit"]))}</td>'
        for metric in metrics
    )
    return (
        f'<tr class="task"><th colspan="3" scope="rowgroup">{escape(task["title"] or name)}'
        f"<small>{escape(size(task))}</small></th>{units}</tr>"
    )


def _row(row: Row, metrics: Sequence[str], notes: Sequence[str]) -> str:
    mark = f"<sup>{notes.index(row.footnote) + 1}</sup>" if row.footnote else ""
    cells = "".join(f'<td class="number">{_cell(row, metric)}</td>' for metric in metrics)
    return (
        f'<tr class="{row.kind}"><th scope="row"><code>{escape(row.name)}</code>{mark}'
        f"<small>{escape(row.title)}</small></th><td>{escape(row.protocol)}</td>"
        f'<td class="number">{row.parameter_count}</td>{cells}</tr>'
    )


def _cell(row: Row, metric: str) -> str:
    text = ""
    if metric in row.cells:
        cell = row.cells[metric]
        text = f"<strong>{cell.text}</strong>" if cell.best else cell.text
    if metric in row.published:
        text += f"<small>({as_printed(row.published[metric])})</small>"
    return text
