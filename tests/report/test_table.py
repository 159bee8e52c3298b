import io

import pytest
from rich.console import Console

from deepsphere.errors import DeepsphereError
from deepsphere.report.table import footnotes, render, rows, size


def by_name(metrics):
    return {row.name: row for row in rows(metrics)}


def as_text(metrics, width=120):
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(render(metrics))
    return console.file.getvalue()


def test_rows_are_grouped_by_task_with_the_baselines_first(metrics):
    assert [(row.task, row.kind, row.name) for row in rows(metrics)] == [
        ("temperature", "baseline", "climatology"),
        ("temperature", "baseline", "persistence"),
        ("temperature", "variant", "p0"),
        ("temperature", "variant", "p4"),
        ("temperature", "variant", "p9"),
        ("day", "variant", "day-p4"),
    ]


def test_a_variant_has_mean_deviation_and_its_seeds_in_the_order_of_numbers(metrics):
    cell = by_name(metrics)["p0"].cells["mse"]
    assert (cell.mean, cell.deviation, cell.values) == (10.0, 1.0, (9.0, 10.0, 11.0))
    assert cell.text == "10.0 ± 1.0"


def test_one_seed_has_no_deviation(metrics):
    cell = by_name(metrics)["p9"].cells["mse"]
    assert cell.deviation is None
    assert cell.text == "8.765"


def test_a_metric_that_a_row_lacks_is_not_in_its_cells(metrics):
    table = by_name(metrics)
    assert set(table["climatology"].cells) == {"mse", "mae"}
    assert set(table["p9"].cells) == {"mse"}


def test_the_best_of_baselines_and_variants_is_marked_with_ties(metrics):
    marked = {
        (row.name, metric)
        for row in rows(metrics)
        for metric, cell in row.cells.items()
        if cell.best
    }
    assert marked == {("p4", "mse"), ("persistence", "mae"), ("p0", "mae"), ("p4", "r2")}


def test_nothing_is_best_where_there_is_nothing_to_compare(metrics):
    assert not by_name(metrics)["day-p4"].cells["mse"].best


def test_footnotes_come_once_in_the_order_of_need(metrics):
    assert footnotes(rows(metrics)) == ["Paper", "Thesis; other tables differ"]


def test_a_published_result_without_note_needs_none(metrics):
    del metrics["variants"]["p0"]["published"]["note"]
    assert by_name(metrics)["p0"].footnote == "Paper"


def test_a_published_baseline_has_its_values_and_a_footnote(printed):
    table = by_name(printed)
    assert table["persistence"].published == {"mse": 9.2}
    assert table["persistence"].footnote == "Report; a single run"
    assert table["climatology"].published == {}
    assert table["climatology"].footnote is None
    assert footnotes(rows(printed))[:2] == ["Report; a single run", "Report"]


def test_a_baseline_that_was_only_published_has_nothing_else(printed):
    row = by_name(printed)["guess"]
    assert (row.kind, row.parameters, row.parameter_count) == ("baseline", None, "")
    assert not row.cells
    assert row.published == {"mse": 20.5}
    lines = as_text(printed).splitlines()
    start = next(
        number for number, line in enumerate(lines) if line.split()[:2] == ["guess", "[2]"]
    )
    assert lines[start].split() == ["guess", "[2]"]
    assert lines[start + 1].split() == ["not", "computed", "(20.5)"]


@pytest.mark.parametrize("of", ["baseline", "variant"])
def test_a_published_metric_that_the_report_does_not_know_is_an_error(printed, of):
    described = {
        "baseline": printed["tasks"]["temperature"]["baselines"]["guess"],
        "variant": printed["variants"]["p4"],
    }[of]
    described["published"]["metrics"] = {"mes": 1.0}
    with pytest.raises(DeepsphereError, match="found the metric 'mes'"):
        rows(printed)


def test_the_size_of_a_task_leaves_out_empty_splits(metrics):
    tasks = metrics["tasks"]
    assert size(tasks["temperature"]) == "73 pixels; samples: 2,548 train, 1,094 test"
    assert size(tasks["day"]) == "73 pixels; samples: 1,095 train, 183 validation, 548 test"


def test_the_terminal_shows_values_published_values_units_and_footnotes(metrics):
    lines = as_text(metrics).splitlines()
    start = next(number for number, line in enumerate(lines) if line.split()[:2] == ["p0", "[1]"])
    assert lines[start].split() == ["p0", "[1]", "published", "15,901", "10.0", "2.00", "0.850"]
    assert lines[start + 1].split() == ["Order", "0", "±1.0", "±0.10", "±0.020"]
    assert lines[start + 2].split() == ["(10.88)", "(2.42)"]
    head = next(line for line in lines if "Temperature of the next day" in line)
    assert head.split()[-3:] == ["°C²", "°C", "%"]
    assert "[1] Paper" in "\n".join(lines)
    assert "[2] Thesis; other tables differ" in "\n".join(lines)


def test_the_best_value_is_bold_on_a_terminal(metrics):
    console = Console(file=io.StringIO(), width=120, force_terminal=True, color_system="standard")
    console.print(render(metrics))
    text = console.file.getvalue()
    assert "\x1b[1;32m8.00\x1b[0m" in text
    assert "\x1b[1;32m8.765" not in text


def test_eighty_columns_are_enough_for_every_number(metrics):
    for summary in metrics["variants"]["p0"]["metrics"].values():
        summary.update(mean=0.012344, std=0.00067)
    lines = as_text(metrics, width=80).splitlines()
    assert max(map(len, lines)) <= 80
    start = next(number for number, line in enumerate(lines) if line.startswith(" p0"))
    assert lines[start].split()[-3:] == ["0.01234"] * 3
    assert lines[start + 1].split()[-3:] == ["±0.00067"] * 3


def test_of_many_metrics_the_terminal_shows_the_important_ones(metrics):
    metrics["metrics"] = ["accuracy", "balanced_accuracy", "micro_precision_at_n", "macro_map"]
    for row in (
        *metrics["variants"].values(),
        *metrics["tasks"]["temperature"]["baselines"].values(),
    ):
        row["metrics"] = {}
    value = {"mean": 0.5, "std": None, "values": {"0": 0.5}}
    metrics["variants"]["p9"]["metrics"] = dict.fromkeys(metrics["metrics"], value)
    head = next(line for line in as_text(metrics).splitlines() if "accuracy" in line)
    assert head.split()[-5:] == ["accuracy", "↑", "mAP", "m", "↑"]


def test_simulated_data_are_said_to_be_simulated(metrics):
    assert "simulated" not in as_text(metrics)
    metrics["simulated"] = True
    assert "Weather of stations (simulated data)" in as_text(metrics)


def test_a_title_is_not_read_as_markup(metrics):
    metrics["variants"]["p0"]["title"] = "[bold red]Order[/]"
    assert "[bold red]Order[/]" in as_text(metrics)


def test_a_metric_that_the_report_does_not_know_is_an_error(metrics):
    metrics["metrics"].append("speed")
    metrics["variants"]["p0"]["metrics"]["speed"] = {"mean": 1.0, "std": None, "values": {"0": 1.0}}
    with pytest.raises(DeepsphereError, match="speed"):
        render(metrics)


def test_the_size_of_a_task_says_how_many_answers_are_scored(metrics):
    task = metrics["tasks"]["temperature"]
    voted = task | {"samples": task["samples"] | {"answers": 547}}
    assert size(voted).endswith("1,094 test (547 answers, one an object)")
