"""What kernels derive from the tensors of an operator, kept while these live.

A layer passes the operator's tensors at every call; tables made from them are worth keeping, and
must not outlive what they were made from, nor be used once it has been written to.
"""

import os
import threading
from collections.abc import Callable, Hashable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.utils.weak import WeakIdKeyDictionary, WeakIdRef

_Table = TypeVar("_Table")


@dataclass
class _Record:
    tensors: list[tuple[WeakIdRef, int]]
    versions: list[int]
    copies: list[Tensor] | None = None
    tables: dict[Hashable, Any] = field(default_factory=dict)

    def is_of(self, sources: Sequence[Tensor]) -> bool:
        """Return whether the tensors are these, with the memory that they had."""
        for (reference, address), source in zip(self.tensors, sources, strict=True):
            if reference() is not source or address != source.data_ptr():
                return False
        return True

    def is_alive(self) -> bool:
        """Return whether all tensors still are."""
        return all(reference() is not None for reference, _ in self.tensors)


_records: MutableMapping[Tensor, dict[tuple[int, ...], _Record]] = WeakIdKeyDictionary()
_lock = threading.RLock()
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)


def derived(sources: Sequence[Tensor], name: Hashable, build: Callable[[], _Table]) -> _Table:
    """Return a table made from some tensors, from an earlier call where there was one.

    Parameters
    ----------
    sources : sequence of Tensor
        All that the table is made from. The first one decides how long it is kept.
    name : hashable
        Which table of these tensors.
    build : callable
        Makes it. It is called anew where a tensor is another one, or was written to and changed
        by that. PyTorch does not record writing to inference tensors, nor through ``data`` or
        NumPy; what is written so is not seen.
    """
    versions = [0 if source.is_inference() else source._version for source in sources]
    name_of_sources = tuple(map(id, sources))
    with _lock:
        records = _records.get(sources[0])
        if records is None:
            records = _records[sources[0]] = {}
        record = records.get(name_of_sources)
        if record is None or not record.is_of(sources):
            for stale in [key for key, other in records.items() if not other.is_alive()]:
                del records[stale]
            record = records[name_of_sources] = _Record(
                [(WeakIdRef(source), source.data_ptr()) for source in sources], versions
            )
        elif record.versions != versions:
            # Data parallel training writes the same numbers again at every step: after the first
            # time, copies tell.
            if record.copies is None or not all(map(torch.equal, record.copies, sources)):
                record.copies = [source.clone() for source in sources]
                record.tables.clear()
            record.versions = versions
        if name not in record.tables:
            # Tables outlive the mode that they are first needed in.
            with torch.inference_mode(False), torch.no_grad(), unset_fake_temporarily():
                record.tables[name] = build()
        table: _Table = record.tables[name]
        return table


def has_memory(tensor: Tensor) -> bool:
    """Return whether a tensor holds numbers, and is not one that PyTorch traces or transforms."""
    if type(tensor) is not Tensor:
        return False
    try:
        tensor.data_ptr()
    except RuntimeError:
        return False
    return True
