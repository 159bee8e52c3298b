"""Pictures of an experiment that are not of one task: scores against noise, and what is classified.

:mod:`~deepsphere.report.gallery` has those of each task.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any

from deepsphere.report import noise_curves, paired_skies
from deepsphere.report.picture import Picture
from deepsphere.report.table import Row
from deepsphere.stores.reader import Store

_CLAUSES = re.compile(r"[,;:](?=\s)|\s(?=\()")
_WORDS = re.compile(r"\s+")


def noise_pictures(
    tasks: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Mapping[str, Any]],
    rows: Sequence[Row],
) -> Iterator[Picture]:
    """Yield the scores against noise of all tasks that differ by their noise alone.

    Parameters
    ----------
    tasks : dict of str to dict
        What ``metrics.json`` says of each.
    settings : dict of str to dict
        Settings of each, but for its title.
    rows : sequence of Row
        The baselines and variants of all.
    """
    for names in noise_curves.noise_groups(settings):
        noises = {name: float(settings[name]["noise"]) for name in names}
        metric, lines = noise_curves.noise_lines(
            [row for row in rows if row.task in noises], noises
        )
        yield Picture.of(
            noise_curves.draw(lines, metric, _title([tasks[name] for name in names])),
            f"noise-{names[0]}",
            "Scores against the noise that is added to the maps: in colour the mean of each model "
            "over its seeds, bars of one standard deviation to either side, and open diamonds for "
            "what was published; in grey the baselines, whose diamonds hold the marks of their "
            "lines.",
            featured=True,
        )


def sky_pictures(name: str, store: Store, channel: str, simulated: bool) -> Iterator[Picture]:
    """Yield maps of one seed in two classes and their difference, if a store has such maps.

    Parameters
    ----------
    name : str
        Of the store.
    store : Store
    channel : str
        The one that is shown.
    simulated : bool
        Whether the maps were made by our simulator.
    """
    pair = paired_skies.find_pair(store, channel)
    if pair is None:
        return
    made = " They are lognormal mocks, not N-body simulations." if simulated else ""
    window = pair.window()
    yield Picture.of(
        paired_skies.draw(
            pair, f"Maps of seed {pair.seed}" + (" (lognormal mocks)" if simulated else "")
        ),
        f"maps-{name}",
        f"Maps of two classes that have the same seed, {pair.seed}, and their difference, as "
        "prepared and without noise: whole (Mollweide projection, equator and longitude 0° in the "
        f"middle) and {2 * window.reach:.3g}° {window.description} (gnomonic). North is up, east "
        f"right. Colours of the few largest values are those of the ends.{made}",
        featured=True,
    )


def _title(tasks: Sequence[Mapping[str, Any]]) -> str:
    """Return what the titles of tasks begin with."""
    titles = [task["title"] for task in tasks]
    # Half a clause, such as "noise" of "noise 2", means nothing without the rest.
    title = _shared_beginning(titles, _CLAUSES) or _shared_beginning(titles, _WORDS)
    simulated = any(task["store"]["simulated"] for task in tasks)
    return f"{title} (simulated data)".strip() if simulated else title


def _shared_beginning(titles: Sequence[str], between: re.Pattern[str]) -> str:
    """Return the pieces that all titles begin with, by what stands between pieces."""
    pieces = zip(*(between.split(title) for title in titles), strict=False)
    shared = list(takewhile(lambda same: len(set(same)) == 1, pieces))
    ends = [*(found.start() for found in between.finditer(titles[0])), len(titles[0])]
    return titles[0][: ends[len(shared) - 1]] if shared else ""
