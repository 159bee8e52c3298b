"""The table of elements."""

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.elements import ELEMENTS, Element, find_elements


def test_units_are_those_of_noaa() -> None:
    tmax, prcp, snow = find_elements(("TMAX", "PRCP", "SNOW"))
    assert (tmax.unit, tmax.scale) == ("degC", 0.1)
    assert (prcp.unit, prcp.scale) == ("mm", 0.1)
    assert (snow.unit, snow.scale) == ("mm", 1.0)
    assert all(name == element.name for name, element in ELEMENTS.items())


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("TMAX", "TMXA"), r"unknown GHCN element 'TMXA'; known are ACMH, .*TMAX, TMIN"),
        (("TMAX", "TMIN", "TMAX"), "TMAX is asked for twice"),
        ((), "no GHCN element is asked for"),
    ],
)
def test_wrong_names_are_refused(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(DeepsphereError, match=message):
        find_elements(names)


def test_an_element_must_have_four_characters_and_a_scale() -> None:
    with pytest.raises(DeepsphereError, match="4 ASCII characters"):
        Element("TEMP1", "degC", 0.1, "")
    with pytest.raises(DeepsphereError, match="must be positive"):
        Element("TMAX", "degC", 0.0, "")
