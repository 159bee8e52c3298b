"""What a store says of the classes of its samples, and of the objects that they show.

======================  ==================  ====================================================
coordinate or attribute of                  content
======================  ==================  ====================================================
``label``               sample              number of the class
``split``               sample              0 train, 1 validation, 2 test
``class_names``         attribute           names of the classes; without it, their numbers
``object``              sample, optional    number of the object that the map shows
``map``                 sample, optional    number of the map that it is a patch of: its object
``patch``               sample, optional    which patch of its map it is
``copies``              sample, optional    number of the set of copies that it belongs to
``copy``                sample, optional    which one of its set it is
``valid``               sample, optional    false: nothing is known of the object, the map is NaN
``sublabel``            sample, optional    number of a narrower class; -1 for none
``seen``                pixel, optional     false: no map shows anything there, all are NaN
``ids``                 attribute           names of the objects, by number
``maps``                attribute           names of the maps, by number
``copies``              attribute           names of the sets of copies, by number
``sublabel_names``      attribute           names of the narrower classes, by number
======================  ==================  ====================================================

Copies are maps of one object that was moved differently.
"""

from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.stores.reader import Store
from deepsphere.tasks.retrieval import number_labels

Numbers = NDArray[np.int64]

_OBJECTS = {"object": "ids", "map": "maps"}
"""What numbers the objects of samples, and the attribute of their names; the first one counts."""


def read_labels(store: Store) -> Numbers:
    """Return the number of the class of each sample, shape (sample,).

    Raises
    ------
    DeepsphereError
        If the store has no labels.
    """
    labels = store.coordinates.get("label")
    if labels is None or labels.shape != (len(store),) or labels.dtype.kind not in "iu":
        raise DeepsphereError(
            f"classification: {store.folder} has no coordinate 'label' of whole numbers, one a "
            "sample; take a store whose source has classes"
        )
    return labels.astype(np.int64)


def class_names(store: Store, labels: Numbers) -> tuple[str, ...]:
    """Return the names of the classes, by their numbers.

    Raises
    ------
    DeepsphereError
        If there is a label without a name.
    """
    names = store.attrs.get("class_names") or range(labels.max() + 1)
    if not 0 <= labels.min() <= labels.max() < len(names):
        raise DeepsphereError(
            f"classification: the labels of {store.folder} are from {labels.min()} to "
            f"{labels.max()}, but there are {len(names)} class_names; each label needs one"
        )
    return tuple(map(str, names))


def divided_samples(store: Store, copies: Mapping[str, Collection[str]]) -> dict[str, Numbers]:
    """Return the numbers of the samples of each split that count.

    Parameters
    ----------
    store : Store
    copies : mapping of str to collection of str
        The sets of copies of each split that count; all, if none is named.

    Raises
    ------
    DeepsphereError
        If there are no such copies, or there is nothing to train on or to test on.
    """
    splits = {
        name: numbers[_counts(store, numbers, copies[name], name == "train")]
        for name, numbers in store.split.items()
    }
    for name in ("train", "test"):
        if not len(splits[name]):
            raise DeepsphereError(f"classification: {store.folder} has no valid {name} samples")
    return splits


def object_numbers(store: Store) -> Numbers:
    """Return the number of the object of each sample, shape (sample,): if not told, its own."""
    for name in _OBJECTS:
        if name in store.coordinates:
            return store.coordinates[name].astype(np.int64)
    return np.arange(len(store))


def object_name(store: Store, number: int) -> str:
    """Return the name of the object that a sample shows."""
    for name, names in _OBJECTS.items():
        if name in store.coordinates and names in store.attrs:
            return str(store.attrs[names][store.coordinates[name][number]])
    return str(number)


def sample_name(store: Store, number: int) -> str:
    """Return the name of a sample's object and, if there are several, of the copy or patch."""
    name, coordinates = object_name(store, number), store.coordinates
    if "copies" in coordinates and "copy" in coordinates:
        copies = store.attrs["copies"][coordinates["copies"][number]]
        return f"{name}, {copies} {coordinates['copy'][number]}"
    if "patch" in coordinates and coordinates["patch"].any():
        return f"{name}, patch {coordinates['patch'][number]}"
    return name


def parts_seen(store: Store, parts: int) -> NDArray[np.bool_] | None:
    """Return of which parts of the maps anything is seen, shape (part,); None if of all.

    Parameters
    ----------
    store : Store
    parts : int
        Runs of equally many consecutive pixels.

    Raises
    ------
    DeepsphereError
        If the pixels do not fall into so many.
    """
    pixels = store.shape[1]
    if pixels % parts:
        raise DeepsphereError(
            f"parts: found {parts}, but the {pixels} pixels of {store.folder} do "
            f"not fall into {parts} equal parts; take a store of whole skies, with 12 parts or 12 "
            "times a power of 4"
        )
    seen = store.coordinates.get("seen")
    if parts == 1 or seen is None or seen.shape != (pixels,):
        return None
    found = np.any(seen.reshape(parts, -1), axis=1)
    return None if found.all() else found


def numbered_categories(
    store: Store, numbers: Numbers, classes: tuple[str, ...]
) -> tuple[Numbers, Numbers]:
    """Return the classes of samples and their narrower ones, both of shape (sample,), in one
    numbering; see :func:`deepsphere.tasks.retrieval.number_labels`.
    """
    labels = [classes[label] for label in store.coordinates["label"][numbers]]
    narrower: list[str | None] = [None] * len(labels)
    if "sublabel" in store.coordinates:
        names = store.attrs["sublabel_names"]
        of_samples = store.coordinates["sublabel"][numbers]
        narrower = [names[number] if number >= 0 else None for number in of_samples]
    return number_labels(labels, narrower)


def _counts(
    store: Store, numbers: Numbers, copies: Collection[str], only_valid: bool
) -> NDArray[np.bool_]:
    """Return which of some samples count."""
    counts = np.ones(len(numbers), np.bool_)
    if copies:
        known = store.attrs.get("copies", [])
        missing = [name for name in copies if name not in known]
        if missing:
            raise DeepsphereError(
                f"classification: {store.folder} has no copies {missing[0]!r}; it has "
                f"{', '.join(known) or 'none'}"
            )
        chosen = [known.index(name) for name in copies]
        counts &= np.isin(store.coordinates["copies"][numbers], chosen)
    if only_valid and "valid" in store.coordinates:
        counts &= store.coordinates["valid"][numbers].astype(np.bool_)
    return counts
