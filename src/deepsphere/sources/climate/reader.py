"""The ``.npz`` files of the level-5 archive, and in which order their vertices are.

``data`` has the shape (16, vertices): the channels of
:data:`~deepsphere.sources.fields.channels.CHANNELS` in their units. ``labels`` has the shape
(3, vertices): one in the row of the class, zero in the others.
"""

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.regridding.labels import NO_LABEL
from deepsphere.samplings.ugscnn import Ugscnn
from deepsphere.samplings.ugscnn_orientation import orientation_of
from deepsphere.sources.fields.channels import CLASSES, NAMES
from deepsphere.sources.fields.snapshots import Snapshot
from deepsphere.sources.fields.states import State, checked_fields

_DATA, _LABELS = "data", "labels"
_LARGEST_LEVEL = 9
_COMPARED = 16

# Fields without the small scales of rain and winds.
_SMOOTH = ("T200", "T500", "Z200")

# NumPy runs Python's parser over the header of an array.
_DEFECTS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    tokenize.TokenError,
    SyntaxError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)


@dataclass(frozen=True)
class MeshReader:
    """Reads the ``.npz`` files."""

    suffixes: tuple[str, ...] = (".npz",)

    def layout(self, content: Path | io.BytesIO) -> str:
        """Return the number of vertices of a file, in words; see :class:`Reader`."""
        with _open(content) as archive:
            return _layout(_vertices(archive))

    def read(self, content: Path | io.BytesIO, channels: Sequence[str]) -> State:
        """Return the state of a file; see :class:`Reader`."""
        with _open(content) as archive:
            vertices = _vertices(archive)
            data, labels = archive[_DATA], archive[_LABELS]
        fields = checked_fields(data[[NAMES.index(name) for name in channels]], channels)
        return State(fields, _classes(labels), _layout(vertices))


def find_order(raw: Path, snapshots: Sequence[Snapshot]) -> Ugscnn:
    """Return the sampling whose order the values of all files are in, as some of them show.

    Parameters
    ----------
    raw : Path
        The raw folder.
    snapshots : sequence of Snapshot
        Sound files.

    Raises
    ------
    DeepsphereError
        If the values are in neither of the two orders, or not in the same one in all files.
    """
    orders: dict[str, Ugscnn] = {}
    reasons = []
    places = np.linspace(0, len(snapshots) - 1, min(len(snapshots), _COMPARED)).astype(int)
    for snapshot in (snapshots[place] for place in places):
        try:
            state = MeshReader().read(snapshot.open(raw), _SMOOTH)
        except DeepsphereError as error:
            # Broken inside, which is for the quarantine to say.
            reasons.append(f"{snapshot.name}: {error}")
            continue
        whole = state.fields[np.isfinite(state.fields).all(axis=1)]
        try:
            orders[snapshot.name] = orientation_of(whole, _level(state.fields.shape[1]))
        except DeepsphereError as error:
            raise DeepsphereError(
                f"store: the order of the vertices of {snapshot.name} in {raw} is unknown: {error}"
            ) from None
    if not orders:
        raise DeepsphereError(
            f"store: no file in {raw} shows the order of its vertices: {reasons[0]}"
        )
    found = {order.name for order in orders.values()}
    if len(found) > 1:
        each = ", ".join(f"{name} in {order.name}" for name, order in orders.items())
        raise DeepsphereError(
            f"store: the files in {raw} are not in one order of vertices: {each}; fetch files that "
            "one program wrote"
        )
    return next(iter(orders.values()))


@contextmanager
def _open(content: Path | io.BytesIO) -> Iterator[Any]:
    """Give the arrays of a file; what goes wrong inside the ``with`` is said in one line."""
    try:
        if not zipfile.is_zipfile(content):
            raise DeepsphereError("is not a whole .npz file; it may be cut short")
        with np.load(content, allow_pickle=False) as archive:
            yield archive
    except _DEFECTS as error:
        raise DeepsphereError(f"cannot be read as .npz ({error})") from None


def _vertices(archive: Any) -> int:
    """Return the number of vertices of arrays that fit each other; only their headers are read."""
    shapes = {}
    for name in (_DATA, _LABELS):
        if name not in archive.files:
            raise DeepsphereError(f"has no array {name}; found {', '.join(archive.files)}")
        shapes[name], dtype = _header(archive, name)
        if dtype.kind not in "biuf":
            raise DeepsphereError(f"{name} is {dtype}; expected numbers")
    vertices = shapes[_DATA][-1] if shapes[_DATA] else 0
    expected = {_DATA: (len(NAMES), vertices), _LABELS: (len(CLASSES), vertices)}
    if shapes != expected or not _is_level(vertices):
        raise DeepsphereError(
            f"{_DATA} has the shape {shapes[_DATA]} and {_LABELS} {shapes[_LABELS]}; expected "
            f"({len(NAMES)}, vertices) and ({len(CLASSES)}, vertices) with 10,242 vertices, or "
            "those of another level"
        )
    return vertices


def _header(archive: Any, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    with archive.zip.open(f"{name}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise DeepsphereError(f"{name} is in version {version} of the format; expected 1 or 2")
        shape, _, dtype = read(stream)
    return shape, dtype


def _is_level(vertices: int) -> bool:
    return any(vertices == len(Ugscnn(level)) for level in range(1, _LARGEST_LEVEL + 1))


def _level(vertices: int) -> int:
    return next(level for level in range(1, _LARGEST_LEVEL + 1) if vertices == len(Ugscnn(level)))


def _layout(vertices: int) -> str:
    return f"{vertices} vertices"


def _classes(one_hot: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the number of the class of each vertex; none where all rows are zero."""
    total = one_hot.sum(axis=0)
    if not (np.isin(one_hot, (0, 1)).all() and np.isin(total, (0, 1)).all()):
        raise DeepsphereError(
            f"{_LABELS} must hold a single 1 for each vertex; found {one_hot.min():g} to "
            f"{one_hot.max():g}, with sums of {total.min():g} to {total.max():g}"
        )
    if not total.any():
        raise DeepsphereError("labels are all unknown")
    return np.where(total == 1, one_hot.argmax(axis=0), NO_LABEL).astype(np.uint8)
