"""A row may be called sound only if nothing in it looks ahead; a key may stand only once."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from deepsphere.config.configuration import check_configuration, load_configuration
from deepsphere.errors import DeepsphereError

DEFAULT = Path(__file__).parents[2] / "config/config.yaml"


@pytest.fixture
def values() -> dict[str, Any]:
    """Return the published configuration as plain data."""
    loaded: dict[str, Any] = yaml.safe_load(DEFAULT.read_text())
    return loaded


def test_the_published_configuration_is_what_it_says(values: dict[str, Any]) -> None:
    experiment = check_configuration(values).experiments["ghcn"]
    protocols = {variant.protocol for variant in experiment.variants.values()}
    assert protocols == {"published", "sound"}


def test_stations_chosen_by_all_days_are_not_sound(values: dict[str, Any]) -> None:
    values["stores"]["ghcn-temperature-sound"]["stations"]["period"] = "all"
    with pytest.raises(DeepsphereError, match=r"protocol: found 'sound', but stations.period: all"):
        check_configuration(values)


def test_statistics_of_all_days_are_not_sound(values: dict[str, Any]) -> None:
    tasks = values["experiments"]["ghcn"]["tasks"]
    tasks["day-temperature-sound"]["normalization"] = "all"
    with pytest.raises(DeepsphereError, match=r"protocol: found 'sound', but normalization: all"):
        check_configuration(values)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("standalone: true\nsources: {}\nstores: {}\ngraphs: {}\nstores: {}\n")
    with pytest.raises(DeepsphereError, match=r"mine\.yaml.*'stores' stands twice.*line 5"):
        load_configuration([path])


def test_a_channel_that_stands_twice_is_refused(values: dict[str, Any]) -> None:
    values["experiments"]["ghcn"]["tasks"]["temperature"]["channels"] = ["TMIN", "TMIN"]
    with pytest.raises(DeepsphereError, match=r"tasks\.temperature\.channels: .*each channel once"):
        check_configuration(values)


def test_a_password_in_a_mirror_is_refused(values: dict[str, Any]) -> None:
    values["sources"]["ghcn"]["mirrors"] = ["https://me:secret@example.org/ghcn"]
    with pytest.raises(DeepsphereError, match=r"sources\.ghcn\.mirrors: .*netrc"):
        check_configuration(values)
