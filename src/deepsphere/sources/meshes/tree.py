"""Sets of meshes whose classes and splits are folders: :mod:`deepsphere.sources.meshes.layouts`."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.entries import Entry, Split, find_split, title
from deepsphere.sources.meshes.layouts import LAYOUTS, Layout
from deepsphere.sources.meshes.members import Member
from deepsphere.sources.meshes.reading import MESH_SUFFIXES, is_mesh
from deepsphere.sources.meshes.splits import draw_splits

_NOT_OF_THE_SET = "__MACOSX"


def mesh_members(members: Sequence[Member]) -> list[Member]:
    """Return the members that are meshes, without hidden files and what macOS adds to zips."""
    return [
        member
        for member in members
        if is_mesh(member.name)
        and not any(
            part.startswith(".") or part == _NOT_OF_THE_SET
            for part in PurePosixPath(member.name).parts
        )
    ]


def tree_entries(
    archive: str,
    members: Sequence[Member],
    *,
    shares: Mapping[Split, float],
    seed: int,
    layout: Layout | None = None,
    split: Split | None = None,
) -> list[Entry]:
    """Return the meshes of a tree of folders.

    Parameters
    ----------
    archive : str
        Name of the folder or archive.
    members : sequence of Member
        What it holds; what is no mesh is passed over.
    shares : mapping of str to float
        Shares of the splits; see :func:`~deepsphere.sources.meshes.splits.draw_splits`. Used only
        where the layout has none.
    seed : int
        Seed of these splits.
    layout : str, optional
        One of :data:`~deepsphere.sources.meshes.layouts.LAYOUTS`; found out by default.
    split : str, optional
        Split of all meshes, where the layout has none; drawn by default.

    Returns
    -------
    list of Entry
        Sorted by id, which is the path below the common top folders, without the file's suffix;
        before it stands ``split``, if that was used.

    Raises
    ------
    DeepsphereError
        If no layout fits, or the stated one does not.
    """
    meshes = mesh_members(members)
    if not meshes:
        raise DeepsphereError(
            f"{title(archive)} holds {len(members)} files, none of them a mesh: "
            f"their names end in {', '.join(MESH_SUFFIXES)}"
        )
    paths = [PurePosixPath(member.name) for member in meshes]
    layout = layout or _find_layout(archive, paths)
    if not _fits(layout, paths):
        raise DeepsphereError(f"{title(archive)} is not laid out as {layout}: {_describe(paths)}")
    words = layout.split("/")
    entries = []
    for member, path in zip(meshes, paths, strict=True):
        below = path.parts[-len(words) :]
        part = dict(zip(words, below, strict=True))
        label = part["class"] if "class" in part else label_in_name(path.name)
        key = PurePosixPath(*below).with_suffix("").as_posix()
        if "split" not in words and split:
            # Two archives may name their meshes alike.
            key = f"{split}/{key}"
        of_mesh = find_split(part["split"]) if "split" in part else split
        entries.append(
            Entry(key, archive, member.name, member.size, label, None, of_mesh or "train")
        )
    if "split" not in words and split is None:
        entries = draw_splits(entries, shares, seed)
    return sorted(entries, key=lambda entry: entry.id)


def label_in_name(name: str) -> str:
    """Return the class in the name of a file of ModelNet: what stands before the last ``_``.

    >>> label_in_name("night_stand_0001.off")
    'night_stand'
    """
    stem = PurePosixPath(name).stem
    return stem.rpartition("_")[0] or stem


def _find_layout(archive: str, paths: Sequence[PurePosixPath]) -> Layout:
    """Return the one layout that fits."""
    labels = {label_in_name(path.name) for path in paths if "_" in path.stem}
    fitting = [layout for layout in LAYOUTS if "split" in layout and _fits(layout, paths)]
    if "split/file" in fitting and len(labels) < 2:
        fitting.remove("split/file")
    if not fitting and _fits("class/file", paths):
        folders = {path.parts[-2] for path in paths}
        # Nobody means classes that are called train and test.
        if not all(map(find_split, folders)):
            return "class/file"
    if len(fitting) == 1:
        return fitting[0]
    fits = f"fits {' and '.join(fitting)}" if fitting else f"fits none of {', '.join(LAYOUTS)}"
    raise DeepsphereError(
        f"{title(archive)} {fits}: {_describe(paths)}; move the files, or state `layout`"
    )


def _fits(layout: Layout, paths: Sequence[PurePosixPath]) -> bool:
    """Return whether all files lie below one top folder, in splits where the layout has them."""
    words = layout.split("/")
    if any(len(path.parts) < len(words) for path in paths):
        return False
    if len({path.parts[: -len(words)] for path in paths}) > 1:
        return False
    if "split" not in words:
        return True
    place = words.index("split") - len(words)
    return all(find_split(path.parts[place]) for path in paths)


def _describe(paths: Sequence[PurePosixPath]) -> str:
    """Return how deep files lie, with an example of each depth."""
    examples = {len(path.parts) - 1: path for path in paths}
    return f"found {len(paths)} meshes, as " + ", ".join(
        f"{str(examples[depth])!a} ({depth} folders deep)" for depth in sorted(examples)[:4]
    )
