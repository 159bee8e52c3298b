"""How many events of each kind there are: labelled ones as in the real data set, and others."""

from functools import cache, partial

from deepsphere.sources.fields.simulated_cyclones import (
    draw_cluster,
    draw_cold_low,
    draw_cyclone,
)
from deepsphere.sources.fields.simulated_events import (
    Population,
    population_of_count,
    population_of_share,
)
from deepsphere.sources.fields.simulated_rivers import (
    draw_dry_jet,
    draw_pool,
    draw_river,
    draw_surge,
)

CYCLONE_SHARE, RIVER_SHARE = 0.00105, 0.0223
"""Shares of the sphere that are labelled, in the mean: those of the level-5 archive."""


@cache
def kinds_of_event(spacing: float) -> tuple[Population, ...]:
    """Return the kinds of events, and how many there are of each, on rows so many degrees apart."""
    cyclones, rivers, pools, jets, surges, lows, clusters = (
        partial(draw, spacing=spacing)
        for draw in (
            draw_cyclone,
            draw_river,
            draw_pool,
            draw_dry_jet,
            draw_surge,
            draw_cold_low,
            draw_cluster,
        )
    )
    of_cyclones = population_of_share(cyclones, CYCLONE_SHARE)
    of_rivers = population_of_share(rivers, RIVER_SHARE)
    return (
        of_cyclones,
        of_rivers,
        population_of_count(pools, 2.5 * of_rivers.count),
        population_of_count(jets, 0.5 * of_rivers.count),
        population_of_count(surges, 4.0 * of_cyclones.count),
        population_of_count(lows, 1.5 * of_cyclones.count),
        population_of_count(clusters, 3.0 * of_cyclones.count),
    )
