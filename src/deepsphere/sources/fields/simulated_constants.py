"""Constants of the Earth and of air, in SI units."""

EARTH_RADIUS = 6.371e6
EARTH_ROTATION = 7.292e-5
"""Radians a second."""

GRAVITY = 9.80665
GAS_CONSTANT = 287.05
"""Of dry air, J / (kg K)."""

SURFACE_DENSITY = 1.2
"""Of air at sea level, kg / m³."""

LAPSE_RATE = 6.5e-3
"""By which air is colder with height, K / m."""
