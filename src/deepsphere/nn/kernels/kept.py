"""What kernels derive from the tensors of an operator, kept while these live.

A layer passes the operator's tensors at every call; tables made from them are worth keeping, and
must not outlive what they were made from, nor be used once it has been written to.
"""

import os
import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import unset_fake_temporarily

_Table = TypeVar("_Table")
_OF_NUMBERS = (Tensor, torch.nn.Parameter)


@dataclass
class _Record:
    references: list[weakref.ref[Tensor]]
    # Of each source, its address and how often it was written to.
    states: list[tuple[int, int]]
    copies: list[Tensor] | None = None
    tables: dict[Hashable, Any] = field(default_factory=dict)


# By the identities of the tensors. A record goes with the first of them that does, before its
# identity can be another's.
_records: dict[tuple[int, ...], _Record] = {}
_lock = threading.RLock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


def derived(sources: Sequence[Tensor], name: Hashable, build: Callable[[], _Table]) -> _Table:
    """Return a table made from some tensors, from an earlier call where there was one.

    Parameters
    ----------
    sources : sequence of Tensor
        All that the table is made from. It is kept as long as they all are.
    name : hashable
        Which table of these tensors.
    build : callable
        Makes it. It is called anew where a tensor is another one, or was written to and changed
        by that. PyTorch does not record writing to inference tensors, nor through ``data`` or
        NumPy; what is written so is not seen.
    """
    identities = tuple(map(id, sources))
    try:
        states = [(source.data_ptr(), source._version) for source in sources]
    except RuntimeError:
        # Inference tensors do not know how often they were written to.
        states = [(one.data_ptr(), 0 if one.is_inference() else one._version) for one in sources]
    record = _records.get(identities)
    if record is not None and record.states == states and name in (tables := record.tables):
        known: _Table = tables[name]
        return known
    with _lock:
        record = _records.get(identities)
        if record is None or _addresses(record.states) != _addresses(states):
            record = _records[identities] = _Record(
                [weakref.ref(source, _forget(identities)) for source in sources], states
            )
        elif record.states != states:
            # Data parallel training writes the same numbers again at every step: after the first
            # time, copies tell.
            if record.copies is None or not all(map(torch.equal, record.copies, sources)):
                record.copies = [source.clone() for source in sources]
                record.tables = {}
            record.states = states
        if name not in record.tables:
            # Tables outlive the mode that they are first needed in.
            with torch.inference_mode(False), torch.no_grad(), unset_fake_temporarily():
                record.tables[name] = build()
        table: _Table = record.tables[name]
        return table


def _addresses(states: list[tuple[int, int]]) -> list[int]:
    return [address for address, _ in states]


def _forget(identities: tuple[int, ...]) -> Callable[[object], object]:
    records = _records
    return lambda _: records.pop(identities, None)


def has_memory(tensor: Tensor) -> bool:
    """Return whether a tensor holds numbers, and is not one that PyTorch traces or transforms."""
    if type(tensor) not in _OF_NUMBERS:
        return False
    try:
        address = tensor.data_ptr()
    except RuntimeError:
        return False
    # PyTorch's wrappers have none, nor do zeros of which it knows that they are, nor no numbers.
    return address != 0
