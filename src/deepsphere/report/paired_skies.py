"""Maps of one sky in two universes, of the same seed: what a classifier is to tell apart.

The two have their structures at the same places, so their difference shows what is not the same.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from deepsphere.report.gnomonic import Gnomonic
from deepsphere.report.projections import Mollweide
from deepsphere.report.scales import value_scale
from deepsphere.report.sphere_images import SphereImage, image_directions
from deepsphere.report.style import new_figure, plain
from deepsphere.samplings.coordinates import longitude_latitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.stores.description import SPLITS
from deepsphere.stores.reader import Store
from deepsphere.tasks.class_normalization import channel_scales

Map = NDArray[np.float32]

_HEIGHT, _POINTS = 400, 300
_VIEW = Mollweide()
# Windows show so many pixels from the middle to a side, if that is so many degrees.
_PIXELS, _NARROWEST, _WIDEST = 50, 2.5, 20.0
# Colours end where so many percent of the values do.
_SHOWN = 99.8
_NEEDED = ("nside", "order", "patch_pixels", "reference_patch", "class_names")


@dataclass(frozen=True, eq=False)
class Pair:
    """The maps of a seed in two classes, in standard deviations of the training maps.

    Attributes
    ----------
    seed : int
    classes : tuple of str
        Names of the two classes.
    channel : str
    nside : int
    order : int
        12 order² patches are a sample each; 0 if whole maps are.
    reference : int
        Number of the patch that a closer look is taken at.
    skies : ndarray of float32, shape (2, pixel)
        NESTED; NaN where nothing is known.
    """

    seed: int
    classes: tuple[str, str]
    channel: str
    nside: int
    order: int
    reference: int
    skies: Map = field(repr=False)

    def window(self) -> Gnomonic:
        """Return a window around the reference patch or, if less is known there, another one."""
        patches = Healpix(max(self.order, 1))
        known = np.isfinite(self.skies).all(axis=0).reshape(len(patches), -1).sum(axis=1)
        number = self.reference if known[self.reference] == known.max() else int(known.argmax())
        (longitude,), (latitude,) = longitude_latitude(patches.positions_of(np.array([number])))
        pixel = math.degrees(math.sqrt(4 * math.pi / self.skies.shape[1]))
        reach = min(max(_PIXELS * pixel, _NARROWEST), _WIDEST)
        return Gnomonic(round(float(longitude), 1), round(float(latitude), 1), reach)


def find_pair(store: Store, channel: str) -> Pair | None:
    """Return the maps of one seed in the first two classes that have it.

    It is the lowest seed of the test samples, or of all if the classes have none of these in
    common.

    Parameters
    ----------
    store : Store
    channel : str

    Returns
    -------
    Pair or None
        None if the store is not of HEALPix maps with classes and seeds, or no two classes have a
        seed in common.
    """
    coordinates = store.coordinates
    if not {"seed", "label", "map", "patch"} <= coordinates.keys() or any(
        name not in store.attrs for name in _NEEDED
    ):
        return None
    for samples in (store.split["test"], np.arange(len(store))):
        seeds, labels = coordinates["seed"][samples], coordinates["label"][samples]
        for seed in np.unique(seeds[seeds >= 0]).tolist():
            found, first = np.unique(np.where(seeds == seed, labels, -1), return_index=True)
            chosen = first[found >= 0][:2]
            if len(chosen) == 2:
                maps = coordinates["map"][samples[chosen]].tolist()
                return _read_pair(store, channel, seed, maps)
    return None


def draw(pair: Pair, title: str) -> Figure:
    """Draw both maps and their difference, each whole (Mollweide) and closely (gnomonic).

    Parameters
    ----------
    pair : Pair
    title : str
        What maps they are.

    Returns
    -------
    Figure
        Both maps have the same colours, the difference its own; white is zero, and the few values
        beyond the ends of the colours have those of the ends.
    """
    figure = new_figure(9.0, 9.4)
    panels = figure.subplots(3, 2, width_ratios=(2.05, 1))
    sphere, window = Healpix(pair.nside), pair.window()
    directions, inside = image_directions(_VIEW, _HEIGHT)
    pixels = np.zeros(inside.shape, np.int64)
    pixels[inside] = sphere.pixels_at(directions)
    image = SphereImage(_VIEW, pixels)
    close = sphere.pixels_at(window.directions(_POINTS))
    difference = pair.skies[1] - pair.skies[0]
    shown = zip(
        (*pair.classes, f"{pair.classes[1]} minus {pair.classes[0]}"),
        (*pair.skies, difference),
        (pair.skies, pair.skies, difference),
        strict=True,
    )
    for (whole, detail), (label, values, together) in zip(panels, shown, strict=True):
        sizes = np.abs(together[np.isfinite(together)])
        limit = float(np.percentile(sizes, _SHOWN)) if sizes.size else 1.0
        scale = value_scale(
            np.array([-limit, limit]), f"{pair.channel} / standard deviation", signed=True
        )
        image.paint(whole, values, scale)
        whole.set_title(plain(label), fontsize=9, loc="left")
        window.paint(detail, values[close], scale)
        scale.draw_bar(figure, detail, is_below=False)
    panels[0, 1].set_title(window.description, fontsize=9, loc="left")
    figure.suptitle(plain(title), fontsize=10)
    return figure


def _read_pair(store: Store, channel: str, seed: int, maps: list[int]) -> Pair:
    names = store.attrs["class_names"]
    labels = [int(store.coordinates["label"][_rows(store, number)[0]]) for number in maps]
    splits = store.split
    mean, deviation = channel_scales(store, (channel,), splits, dict.fromkeys(SPLITS, ()), "train")
    skies = np.stack([_read_sky(store, channel, number) for number in maps])
    skies -= np.float32(mean[0, 0])
    skies /= np.float32(deviation[0, 0])
    return Pair(
        seed=seed,
        classes=(str(names[labels[0]]), str(names[labels[1]])),
        channel=channel,
        nside=store.attrs["nside"],
        order=store.attrs["order"],
        reference=store.attrs["reference_patch"],
        skies=skies,
    )


def _read_sky(store: Store, channel: str, number: int) -> Map:
    """Return a map, put together of its patches, (pixel,): NaN where there is no patch."""
    column, pixels = store.channels.index(channel), store.attrs["patch_pixels"]
    sky = np.full((len(Healpix(store.attrs["nside"])) // pixels, pixels), np.nan, np.float32)
    for row in _rows(store, number):
        # All channels of all patches would not fit into memory.
        sky[store.coordinates["patch"][row]] = store.read([row])[0, :, column]
    return sky.ravel()


def _rows(store: Store, number: int) -> NDArray[np.int64]:
    return np.flatnonzero(store.coordinates["map"] == number)
