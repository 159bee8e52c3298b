"""The diagnostics of a graph, from its manifest, as tables for a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table


def render_graph(manifest: dict[str, Any]) -> Group:
    """Return the tables of a graph.

    Parameters
    ----------
    manifest : dict
        What the graph stage wrote.

    Returns
    -------
    Group
        One table of the levels, one of the errors and responses by degree of each level that has
        them, and one of the eigenvalue groups.
    """
    levels = manifest["levels"]
    tables = [_levels(manifest["name"], manifest["padding"], levels)]
    for level in levels:
        if level["equivariance"]:
            tables.append(_equivariance(level))
        if level["eigenvalue_groups"]:
            tables.append(_groups(level))
    return Group(*tables)


def _levels(name: str, padding: int, levels: Sequence[dict[str, Any]]) -> Table:
    title = f"Graph {name}"
    if padding:
        title += f" ({padding} pixels added to complete super-pixels)"
    columns = (
        "sampling",
        "pixels",
        "edges",
        "neighbours",
        "degree",
        "components",
        "isolated",
        "symmetric",
        "width",
        "Laplacian",
        "lmax",
    )
    table = _table(title, columns)
    for level in levels:
        table.add_row(
            level["sampling"],
            f"{level['pixels']:,}",
            f"{level['edges']:,}",
            _span(level["neighbours"]),
            _span(level["degree"]),
            str(level["components"]["count"]),
            str(level["isolated"]),
            "yes" if level["symmetric"] else "no",
            _number(level["width"]),
            level["laplacian"],
            _number(level["lmax"]),
        )
    return table


def _equivariance(level: dict[str, Any]) -> Table:
    described = level["equivariance"]
    title = f"{level['sampling']}: relative equivariance error by degree"
    if described["pixels"] < level["pixels"]:
        title += f", on its {described['pixels']:,} pixels off the border"
    table = _table(title, ("degree", *map(str, described["degrees"])))
    table.add_row("zonal functions", *map(_number, described["errors"]))
    if described["haar"]:
        table.add_row("all rotations", *map(_number, described["haar"]))
    degrees = described["degrees"]
    slope = described["responses"][0] / (degrees[0] * (degrees[0] + 1))
    # A graph of twins, each joined to its own only, has no response to any function of the place.
    relative = [
        response / (slope * degree * (degree + 1)) if slope else None
        for degree, response in zip(degrees, described["responses"], strict=True)
    ]
    table.add_row(f"response / l(l+1), relative to l = {degrees[0]}", *map(_number, relative))
    return table


def _groups(level: dict[str, Any]) -> Table:
    groups = level["eigenvalue_groups"]
    table = _table(
        f"{level['sampling']}: eigenvalues in groups of 2l + 1",
        ("degree", *map(str, groups["degrees"])),
    )
    table.add_row("mean", *map(_number, groups["means"]))
    table.add_row("spread", *map(_number, groups["spreads"]))
    table.add_row("mean / l(l+1), relative to l = 1", *map(_number, groups["ratios"]))
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for place, column in enumerate(columns):
        # On a narrow terminal a number goes on in the next line, rather than lose its last digits.
        table.add_column(column, justify="right" if place else "left", overflow="fold")
    return table


def _span(values: dict[str, float] | None) -> str:
    if values is None:
        return "-"
    return f"{values['min']:.3g} to {values['max']:.3g}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
