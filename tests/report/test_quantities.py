import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.report.quantities import QUANTITIES, quantity, unit_text, with_unit
from deepsphere.tasks import classification_metrics, regression, segmentation_metrics
from deepsphere.tasks.class_scores import RETRIEVAL_METRICS


def test_every_metric_of_the_tasks_can_be_shown():
    shown = {*regression.METRICS, *classification_metrics.METRICS, *RETRIEVAL_METRICS}
    assert shown | set(segmentation_metrics.MEANS) == set(QUANTITIES)


def test_metrics_of_classes_are_shown_with_the_names_of_these():
    shown = [quantity(name) for name in segmentation_metrics.shown_metrics(("none", "Big storm"))]
    assert [one.label for one in shown[3:]] == [
        "acc none",
        "acc big storm",
        "AP big storm",
        "IoU none",
        "IoU big storm",
    ]
    assert shown[4].meaning == "share of the pixels found of the class big storm"
    assert not any(one.headline for one in shown[3:])
    with pytest.raises(DeepsphereError, match="found the metric 'iou_'"):
        quantity("iou_")


def test_every_label_is_its_own():
    assert len({shown.label for shown in QUANTITIES.values()}) == len(QUANTITIES)


@pytest.mark.parametrize(
    ("metric", "unit", "text"),
    [
        ("mse", "degC", "°C²"),
        ("mse", "kg m-2", "(kg m⁻²)²"),
        ("mae", "m s-1", "m s⁻¹"),
        ("mae", "m3 kg-12", "m³ kg⁻¹²"),
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
