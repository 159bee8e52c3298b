"""Test states of a segmentation with their events: maps, and an animation.

Which state is shown depends on what is true alone, so that it is the same one for all variants of a
task, and neither the best nor the worst of any.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.report import events
from deepsphere.report.class_maps import ClassMaps, open_class_maps
from deepsphere.report.coastlines import coastlines
from deepsphere.report.events import Paper, State
from deepsphere.report.moments import crowded_place, most_eventful, stretch_around
from deepsphere.report.picture import Picture
from deepsphere.report.projections import Mollweide, Orthographic
from deepsphere.report.quantities import unit_text, with_unit
from deepsphere.report.runs import Run
from deepsphere.samplings.coordinates import longitude_latitude, unit_vectors
from deepsphere.stores.reader import Store

Numbers = NDArray[np.int64]

_MOST_GLOBES = 3
_FEWEST_FRAMES, _MOST_FRAMES = 3, 12


@dataclass(frozen=True, eq=False)
class Scene:
    """What is shown of all variants of a task, and from where.

    Attributes
    ----------
    store : Store
    channel : str
        The one that is shown.
    classes : tuple of str
        Their names; the first one is the background.
    number : int
        Number of the state of the maps in the store.
    frames : ndarray of int64, shape (frame,)
        Numbers of those of the animation, which follow one another.
    whole : Paper
        A map of the whole sphere.
    globes : tuple of Paper
        One for each event of the state, seen from where most of it is.
    """

    store: Store
    channel: str
    classes: tuple[str, ...]
    number: int
    frames: Numbers = field(repr=False)
    whole: Paper = field(repr=False)
    globes: tuple[Paper, ...] = field(repr=False)


def find_scene(store: Store, run: Run, classes: Sequence[str]) -> Scene:
    """Return what is shown of a task: the test state with the most pixels of its rarest event.

    Parameters
    ----------
    store : Store
    run : Run
        Any of the task.
    classes : sequence of str
        Names of the classes.

    Raises
    ------
    DeepsphereError
        If the predictions are damaged or not of the store's pixels.
    """
    maps = _open(run, store)
    row = most_eventful(maps.counts(len(classes)))
    frames = np.array([row])
    if {"run", "step"} <= store.coordinates.keys():
        runs, steps = (
            store.coordinates[name][maps.sample].astype(np.int64) for name in ("run", "step")
        )
        frames = stretch_around(runs, steps, row, _MOST_FRAMES)
    truth = maps.read("target", np.array([row]))[0]
    positions = unit_vectors(store.longitude, store.latitude)
    coasts = coastlines()
    views: list[Orthographic] = []
    for number in range(1, len(classes)):
        of_event = positions[truth == number]
        if len(of_event) and len(views) < _MOST_GLOBES:
            place = longitude_latitude(crowded_place(of_event))
            views.append(Orthographic(*(float(np.round(degrees)) for degrees in place)))
    return Scene(
        store=store,
        channel=run.task["channels"][0],
        classes=tuple(classes),
        number=int(maps.sample[row]),
        frames=maps.sample[frames],
        whole=Paper.of(positions, Mollweide(), coasts),
        globes=tuple(Paper.of(positions, view, coasts) for view in views),
    )


def state_pictures(
    scene: Scene, name: str, run: Run, words: str, title: str, featured: bool
) -> Iterator[Picture]:
    """Yield the maps of a state, and of a featured run an animation of those around it.

    Parameters
    ----------
    scene : Scene
    name : str
        Of the variant.
    run : Run
    words : str
        The variant and the seed, with which captions begin.
    title : str
        Title of the figures.
    featured : bool
        Whether the page shows them.

    Raises
    ------
    DeepsphereError
        If the predictions are damaged, or not of the scene's store or states.
    """
    shown = f"{words}: {scene.channel}, and outlines of the pixels that are of each event"
    (state,) = _states(scene, run, np.array([scene.number]), title)
    scale = events.field_scale(state.values, _label(scene))
    yield Picture.of(
        events.draw(state, scene.whole, scene.globes, scene.classes, scale),
        f"events-{name}",
        f"{shown} (broad, pale) and of those that were found (narrow), in the test state with the "
        "most pixels of the rarest event.",
        featured,
    )
    if featured and len(scene.frames) >= _FEWEST_FRAMES:
        states = _states(scene, run, scene.frames, title)
        scale = events.field_scale(np.stack([each.values for each in states]), _label(scene))
        yield Picture(
            f"animation-{name}",
            events.animate(states, scene.whole, scene.classes, scale),
            f"{shown} (broad, pale) and of those that were found (narrow), in {len(states)} test "
            "states that follow one another.",
            featured,
            "gif",
        )


def _open(run: Run, store: Store) -> ClassMaps:
    maps = open_class_maps(run.predictions)
    if maps.pixels != store.shape[1] or maps.sample.max(initial=0) >= len(store):
        raise DeepsphereError(
            f"predictions: {run.predictions} are of {maps.pixels} pixels, the store "
            f"{store.folder} has {store.shape[1]}; run the evaluate stage again"
        )
    return maps


def _states(scene: Scene, run: Run, numbers: Numbers, title: str) -> list[State]:
    """Return states by their numbers in the store."""
    maps = _open(run, scene.store)
    rows = np.array([np.flatnonzero(maps.sample == number)[0] for number in numbers])
    truth, found = maps.read("target", rows), maps.read("prediction", rows)
    column = scene.store.channels.index(scene.channel)
    return [
        # All channels of all states would not fit into memory.
        State(
            scene.store.read(numbers[place : place + 1])[0, :, column].copy(),
            truth[place],
            found[place],
            f"{title}\n{_moment(scene.store, int(number))}",
        )
        for place, number in enumerate(numbers)
    ]


def _moment(store: Store, number: int) -> str:
    """Return the time of a state and its run, as far as the store knows them."""
    coordinates = store.coordinates
    if "time" not in coordinates:
        return f"state {number}"
    time = np.datetime_as_string(coordinates["time"][number], unit="m").replace("T", " ")
    return f"{time}, run {coordinates['run'][number]}" if "run" in coordinates else time


def _label(scene: Scene) -> str:
    unit = scene.store.attrs["units"][scene.store.channels.index(scene.channel)]
    return with_unit(scene.channel, unit_text(unit))
