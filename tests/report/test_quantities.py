import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.report.quantities import QUANTITIES, quantity, unit_text, with_unit
from deepsphere.tasks.regression import METRICS


def test_every_metric_of_the_tasks_can_be_shown():
    assert set(METRICS) == set(QUANTITIES)


@pytest.mark.parametrize(
    ("metric", "unit", "text"),
    [
        ("mse", "degC", "°C²"),
        ("mse", "kg m-2", "(kg m-2)²"),
        ("mse", "1", ""),
        ("mae", "degC", "°C"),
        ("mae", "mm", "mm"),
        ("mae", "1", ""),
        ("mre", "degC", "%"),
        ("r2", "degC", ""),
    ],
)
def test_units_follow_from_the_unit_of_the_data(metric, unit, text):
    assert quantity(metric).unit_of(unit) == text


def test_errors_are_better_low_and_scores_are_better_high():
    lower = {name for name, shown in QUANTITIES.items() if shown.best([1.0, 2.0]) == 1.0}
    assert lower == {"mse", "mae", "mre"}
    assert {name for name, shown in QUANTITIES.items() if shown.arrow == "↓"} == lower


def test_a_label_names_its_unit_only_if_there_is_one():
    assert with_unit("observed", unit_text("degC")) == "observed / °C"
    assert with_unit("observed", unit_text("1")) == "observed"


def test_an_unknown_metric_is_named():
    with pytest.raises(DeepsphereError, match=r"found the metric 'speed'; the report knows mse,"):
        quantity("speed")
