"""The elements of GHCN-Daily that can be asked for, with the units in which NOAA writes them.

Every reader and the settings look names up here, so a name that is mistyped is refused before any
file is opened. Multi-day totals (``MDPR``, ``DAPR``, ...) and clock times (``FMTM``, ``PGTM``) are
left out on purpose: they are not the value of one day.

Source: NOAA, "README file for daily GHCN", section III, table of elements.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from deepsphere.errors import DeepsphereError

_WEATHER_TYPES = {
    1: "fog, ice fog or freezing fog",
    2: "heavy fog",
    3: "thunder",
    4: "ice pellets, sleet or snow pellets",
    5: "hail",
    6: "glaze or rime",
    7: "dust, ash or blowing sand",
    8: "smoke or haze",
    9: "blowing or drifting snow",
    10: "tornado, waterspout or funnel cloud",
    11: "high or damaging winds",
    12: "blowing spray",
    13: "mist",
    14: "drizzle",
    15: "freezing drizzle",
    16: "rain",
    17: "freezing rain",
    18: "snow, snow pellets, snow grains or ice crystals",
    19: "unknown precipitation",
    21: "ground fog",
    22: "ice fog or freezing fog",
}


@dataclass(frozen=True)
class Element:
    """One measured quantity.

    Attributes
    ----------
    name : str
        Four characters, as in the files.
    unit : str
        Unit of ``scale`` times the stored integer.
    scale : float
        What one stored integer step is worth in ``unit``: 0.1 where NOAA writes tenths.
    meaning : str
        What is measured, for tables and messages.
    """

    name: str
    unit: str
    scale: float
    meaning: str

    def __post_init__(self) -> None:
        if len(self.name) != 4 or not self.name.isascii():
            raise DeepsphereError(f"a GHCN element has 4 ASCII characters, got {self.name!r}")
        if not self.scale > 0:
            raise DeepsphereError(f"the scale of {self.name} must be positive, got {self.scale}")


ELEMENTS: dict[str, Element] = {
    element.name: element
    for element in (
        Element("PRCP", "mm", 0.1, "precipitation"),
        Element("SNOW", "mm", 1.0, "snowfall"),
        Element("SNWD", "mm", 1.0, "snow depth"),
        Element("TMAX", "degC", 0.1, "maximum temperature"),
        Element("TMIN", "degC", 0.1, "minimum temperature"),
        Element("TAVG", "degC", 0.1, "average temperature"),
        Element("TOBS", "degC", 0.1, "temperature at the time of observation"),
        Element("ADPT", "degC", 0.1, "average dew point temperature"),
        Element("AWBT", "degC", 0.1, "average wet bulb temperature"),
        Element("ASLP", "hPa", 0.1, "average sea level pressure"),
        Element("ASTP", "hPa", 0.1, "average station level pressure"),
        Element("RHAV", "%", 1.0, "average relative humidity"),
        Element("RHMN", "%", 1.0, "minimum relative humidity"),
        Element("RHMX", "%", 1.0, "maximum relative humidity"),
        Element("ACMH", "%", 1.0, "cloudiness from midnight to midnight, manual observation"),
        Element("ACSH", "%", 1.0, "cloudiness from sunrise to sunset, manual observation"),
        Element("PSUN", "%", 1.0, "share of the possible sunshine"),
        Element("TSUN", "min", 1.0, "sunshine"),
        Element("EVAP", "mm", 0.1, "evaporation from a pan"),
        Element("MNPN", "degC", 0.1, "minimum temperature of the water in the pan"),
        Element("MXPN", "degC", 0.1, "maximum temperature of the water in the pan"),
        Element("WESD", "mm", 0.1, "water equivalent of snow on the ground"),
        Element("WESF", "mm", 0.1, "water equivalent of snowfall"),
        Element("THIC", "mm", 0.1, "thickness of ice on water"),
        Element("AWND", "m/s", 0.1, "average wind speed"),
        Element("WSF1", "m/s", 0.1, "fastest 1-minute wind speed"),
        Element("WSF2", "m/s", 0.1, "fastest 2-minute wind speed"),
        Element("WSF5", "m/s", 0.1, "fastest 5-second wind speed"),
        Element("WSFG", "m/s", 0.1, "peak gust wind speed"),
        Element("WDF1", "deg", 1.0, "direction of the fastest 1-minute wind"),
        Element("WDF2", "deg", 1.0, "direction of the fastest 2-minute wind"),
        Element("WDF5", "deg", 1.0, "direction of the fastest 5-second wind"),
        Element("WDFG", "deg", 1.0, "direction of the peak wind gust"),
        Element("WDMV", "km", 1.0, "wind movement over 24 hours"),
        *(
            Element(f"WT{number:02d}", "1", 1.0, f"weather type: {meaning} (1 = occurred)")
            for number, meaning in _WEATHER_TYPES.items()
        ),
    )
}


def find_elements(names: Iterable[str]) -> tuple[Element, ...]:
    """Return the elements of these names, in the order asked for.

    Raises
    ------
    DeepsphereError
        If there is no name, a name is not known, or one stands twice.
    """
    wanted = tuple(names)
    if not wanted:
        raise DeepsphereError("no GHCN element is asked for; name at least one, such as TMAX")
    for position, name in enumerate(wanted):
        if name not in ELEMENTS:
            raise DeepsphereError(
                f"unknown GHCN element {name!r}; known are {', '.join(sorted(ELEMENTS))}"
            )
        if name in wanted[:position]:
            raise DeepsphereError(f"the GHCN element {name} is asked for twice; name it once")
    return tuple(ELEMENTS[name] for name in wanted)
