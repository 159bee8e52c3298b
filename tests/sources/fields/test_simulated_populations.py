"""The kinds of events: where they are born, and how much of the sphere is labelled."""

from collections.abc import Callable

import numpy as np
import pytest

from deepsphere.sources.fields.simulated_cyclones import (
    CYCLONE,
    draw_cluster,
    draw_cold_low,
    draw_cyclone,
)
from deepsphere.sources.fields.simulated_earth import is_sea
from deepsphere.sources.fields.simulated_events import Event
from deepsphere.sources.fields.simulated_grid import Grid
from deepsphere.sources.fields.simulated_populations import (
    CYCLONE_SHARE,
    RIVER_SHARE,
    kinds_of_event,
)
from deepsphere.sources.fields.simulated_rivers import (
    RIVER,
    draw_dry_jet,
    draw_pool,
    draw_river,
    draw_surge,
)


def drawn(draw: Callable[..., Event], summer: float = 0.0) -> list[Event]:
    generator = np.random.default_rng(0)
    return [draw(generator, 0.0, summer, 1.9) for _ in range(200)]


def test_cyclones_are_born_over_tropical_seas_mostly_in_summer() -> None:
    cyclones = drawn(draw_cyclone)
    assert all(8 <= abs(cyclone.latitude) <= 19 for cyclone in cyclones)
    assert all(is_sea(cyclone.longitude, cyclone.latitude) for cyclone in cyclones)
    assert {cyclone.label for cyclone in cyclones} == {CYCLONE}
    north = [np.mean([c.latitude > 0 for c in drawn(draw_cyclone, at)]) for at in (-1.0, 1.0)]
    assert north[0] < 0.45 < 0.75 < north[1]


def test_rivers_are_long_and_narrow_and_cross_the_middle_latitudes() -> None:
    for river in drawn(draw_river):
        assert river.length > 18
        assert river.length > 4 * 2 * river.width
        assert 15 <= np.abs(river.latitude).min() <= 27
        assert 40 <= np.abs(river.latitude).max() <= 56
        assert river.label == RIVER


def test_what_only_looks_like_an_event_has_no_label_and_another_shape() -> None:
    for draw in (draw_cold_low, draw_cluster, draw_pool, draw_dry_jet, draw_surge):
        assert {event.label for event in drawn(draw)} == {0}
    rivers, pools = drawn(draw_river), drawn(draw_pool)
    for name in ("moisture", "wind", "rain"):
        theirs, own = ([getattr(event, name) for event in events] for events in (pools, rivers))
        assert np.mean(theirs) == pytest.approx(np.mean(own), rel=0.1)
    assert max(pool.length / pool.width for pool in pools) < 5
    assert max(jet.moisture for jet in drawn(draw_dry_jet)) < 5
    assert max(low.warmth for low in drawn(draw_cold_low)) < 0
    assert max(cluster.wind for cluster in drawn(draw_cluster)) < 10


@pytest.mark.parametrize(("rows", "columns"), [(96, 144), (24, 36)])
def test_shares_of_the_sphere_are_those_of_the_real_data(rows: int, columns: int) -> None:
    grid = Grid(rows, columns)
    kinds = kinds_of_event(grid.spacing)
    areas, shares = grid.areas.ravel(), []
    for seed in range(250):
        generator = np.random.default_rng(seed)
        labels = np.zeros(rows * columns, np.uint8)
        for kind in kinds[:2]:
            for event in kind.during(generator, 1.0, 0.0):
                if event.birth < 0.5 < event.birth + event.life:
                    patch = event.patch(grid, 0.5)
                    labels[patch.places[patch.inside]] = event.label
        shares.append([areas[labels == number].sum() for number in (CYCLONE, RIVER)])
    # About 5 and 3 % of chance, or 15 % where one pixel is larger than a cyclone; some overlap.
    assert np.mean(shares, axis=0)[0] == pytest.approx(CYCLONE_SHARE, rel=0.2 if rows > 24 else 0.4)
    assert np.mean(shares, axis=0)[1] == pytest.approx(RIVER_SHARE, rel=0.15)
