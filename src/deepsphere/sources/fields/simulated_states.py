"""Physically sensible states of the atmosphere, from a few formulas and a random seed.

This is not an atmosphere model, and its numbers are not observations. It has what makes extreme
events hard or easy to find:

* wind and pressure in balance, air that keeps the temperature and moisture of where it comes from,
  pressures and heights in hydrostatic balance over continents and mountains, seasons and days;
* tropical cyclones and atmospheric rivers that move, grow and decay
  (:mod:`~deepsphere.sources.fields.simulated_cyclones`,
  :mod:`~deepsphere.sources.fields.simulated_rivers`), labelled by their own wind and moisture;
* much that looks like them at a single place, but not as a whole, and has no label.

How much the whole tells that a single place does not: 240 states of 64 x 96 places to learn from
and 72 of other years to test on, average precisions of cyclones and rivers

=========================================  ========  ======
network                                    cyclones  rivers
=========================================  ========  ======
three layers of 64 that see one place      0.41      0.52
small planar U-Net, 3 x 3 filters          0.80      0.96
=========================================  ========  ======

States of one episode follow each other as weather does; episodes have nothing in common but the
ground and the sea. Values are near those of the real data sets, whose statistics they get from
:mod:`~deepsphere.sources.fields.simulated_statistics`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from deepsphere.sources.fields import simulated_air as air
from deepsphere.sources.fields.channels import NAMES
from deepsphere.sources.fields.moments import STEP_HOURS, STEPS_PER_DAY, Moment
from deepsphere.sources.fields.simulated_constants import SURFACE_DENSITY
from deepsphere.sources.fields.simulated_cyclones import CYCLONE
from deepsphere.sources.fields.simulated_earth import Ground, ground_at
from deepsphere.sources.fields.simulated_events import Event, Patch
from deepsphere.sources.fields.simulated_flow import STEERING, Flow, FlowModel, slowed
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_harmonics import Evolution, Harmonics, evolution
from deepsphere.sources.fields.simulated_populations import kinds_of_event
from deepsphere.sources.fields.simulated_rivers import RIVER
from deepsphere.sources.fields.simulated_weather import (
    Surroundings,
    Texture,
    temperatures,
    water,
)

Float = NDArray[np.float64]

# Degrees: waves smaller than a few hundred kilometres are left to the events.
_LARGEST_DEGREE = 60
_MEAN_PRESSURE = 101_150.0
_SHEAR = 2.5
_SEA_ANOMALY = 1.6

_ADDED = ("eastward", "northward", "pressure", "middle", "upper", "moisture", "rain")


@dataclass(frozen=True, eq=False)
class SimulatedState:
    """A state.

    Attributes
    ----------
    fields : ndarray
        Channels of :data:`~deepsphere.sources.fields.channels.CHANNELS` in their units, float64 of
        shape (channels, places), row by row of the grid.
    labels : ndarray
        Numbers of the classes, uint8 of shape (places,).
    flow : Flow
        The wind and the geopotential that the fields are made of, without the events.
    """

    fields: Float
    labels: NDArray[np.uint8]
    flow: Flow


@dataclass(frozen=True, eq=False)
class Atmosphere:
    """Makes states on a grid.

    Attributes
    ----------
    grid : Grid
        The grid.
    seed : int
        Seed of the weather.
    """

    grid: Grid
    seed: int

    def episode(self, moments: Sequence[Moment]) -> Iterator[SimulatedState]:
        """Yield the states of moments that follow each other, in steps of three hours.

        The same run and first moment give the same weather, whatever else is simulated.

        Parameters
        ----------
        moments : sequence of Moment
            Of one run, without a gap.
        """
        first = moments[0]
        sequence = np.random.SeedSequence([self.seed, first.run, first.step])
        flow_seed, *field_seeds, event_seed = map(np.random.default_rng, sequence.spawn(6))
        days = np.array([moment.step for moment in moments]) / STEPS_PER_DAY % 365
        summers = air.summer_of(days)
        flows = self._flows.flows(flow_seed, STEP_HOURS, summers)
        textures = zip(
            *(
                self._texture(recipe, generator, len(moments))
                for recipe, generator in zip(self._recipes, field_seeds, strict=True)
            ),
            strict=True,
        )
        events = self._events(event_seed, len(moments) * STEP_HOURS, float(summers[0]))
        for step, (flow, texture) in enumerate(zip(flows, textures, strict=True)):
            hour = float(step * STEP_HOURS)
            alive = [e for e in events if e.birth < hour < e.birth + e.life]
            patches = [(e.label, e.patch(self.grid, hour)) for e in alive]
            yield self._state(
                flow, Texture(*texture), patches, float(summers[step]), float(days[step])
            )

    def _state(
        self,
        flow: Flow,
        texture: Texture,
        patches: Sequence[tuple[int, Patch]],
        summer: float,
        day: float,
    ) -> SimulatedState:
        """Return the state that a flow, random fields and the events make."""
        added = {name: self._sum(name, patches) for name in _ADDED}
        latitude = self.grid.latitude[:, None]
        heat = temperatures(self._surroundings, flow, texture, added, summer, day)
        pressure = _MEAN_PRESSURE + SURFACE_DENSITY * flow.geopotential + added["pressure"]
        at_ground = air.surface_pressure(pressure, heat.sea_level, self.ground.height)
        saturated = air.saturation_humidity(heat.reference, at_ground)
        column, humidity, rain = water(
            self._surroundings, saturated, heat.brought, texture, added, summer
        )
        wind = (flow.eastward + added["eastward"], flow.northward + added["northward"])
        near_ground = slowed(*wind, latitude, self.ground.land)
        lowest = air.height_of_lowest_level(heat.reference, humidity)
        at_1000 = air.height_of_1000(pressure)
        fields = {
            "TMQ": column,
            "U850": wind[0] + _SHEAR * texture.shear,
            "V850": wind[1] + 0.5 * _SHEAR * texture.humid,
            "UBOT": near_ground[0],
            "VBOT": near_ground[1],
            "QREFHT": humidity,
            "PS": at_ground,
            "PSL": pressure,
            "T200": heat.upper,
            "T500": heat.middle,
            "PRECT": rain,
            "TS": heat.surface,
            "TREFHT": heat.reference,
            # Below the ground the files have the height of the lowest level.
            "Z1000": np.maximum(at_1000, self.ground.height + lowest),
            "Z200": air.height_of_200(at_1000, heat.sea_level, heat.middle, heat.upper),
            "ZBOT": lowest,
        }
        stacked = np.stack([fields[name].ravel() for name in NAMES])
        return SimulatedState(stacked, self._labels(patches), flow)

    def _labels(self, patches: Sequence[tuple[int, Patch]]) -> NDArray[np.uint8]:
        """Return the class of each place: where both are, a cyclone."""
        labels = np.zeros(self.grid.rows * self.grid.columns, np.uint8)
        for number in (RIVER, CYCLONE):
            for label, patch in patches:
                if label == number:
                    labels[patch.places[patch.inside]] = number
        return labels

    def _sum(self, name: str, patches: Sequence[tuple[int, Patch]]) -> Float:
        total = np.zeros(self.grid.rows * self.grid.columns)
        for _, patch in patches:
            total[patch.places] += getattr(patch, name)
        return total.reshape(self.grid.rows, self.grid.columns)

    def _texture(
        self, recipe: Evolution, generator: np.random.Generator, count: int
    ) -> Iterator[Float]:
        """Yield a random field with variance 1, step by step."""
        for coefficients in islice(recipe.steps(generator, STEP_HOURS), count):
            yield self._harmonics.values(coefficients)

    def _events(self, generator: np.random.Generator, hours: float, summer: float) -> list[Event]:
        return [
            event
            for population in kinds_of_event(self.grid.spacing)
            for event in population.during(generator, hours, summer)
        ]

    @cached_property
    def ground(self) -> Ground:
        """The ground, of shape (rows, columns)."""
        return ground_at(*np.meshgrid(self.grid.longitude, self.grid.latitude))

    @cached_property
    def _harmonics(self) -> Harmonics:
        most = min(self.grid.rows // 2, (self.grid.columns - 1) // 2, _LARGEST_DEGREE)
        return Harmonics(self.grid.latitude, self.grid.columns, most)

    @cached_property
    def _flows(self) -> FlowModel:
        return FlowModel(self.grid, self._harmonics)

    @cached_property
    def _recipes(self) -> tuple[Evolution, ...]:
        degree = self._harmonics.degree
        return (
            evolution(degree, 9.0, 3.0, 60.0, STEERING),
            evolution(degree, 12.0, 2.6, 36.0, STEERING),
            evolution(degree, 12.0, 2.2, 30.0, STEERING),
            evolution(degree, 10.0, 3.0, 48.0, STEERING),
        )

    @cached_property
    def _surroundings(self) -> Surroundings:
        generator = np.random.default_rng([self.seed, 1])
        recipe = evolution(self._harmonics.degree, 5.0, 3.0, 1.0, 0.0)
        pattern = self._harmonics.values(next(recipe.steps(generator, 1.0)))
        return Surroundings(
            latitude=self.grid.latitude[:, None],
            longitude=self.grid.longitude,
            ground=self.ground,
            sea_anomaly=_SEA_ANOMALY * pattern,
        )
