"""Tables live as long as the tensors they are made from, and change with them."""

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from deepsphere.nn.kernels.kept import derived


class Sum:
    """A table that can be referred to weakly."""

    def __init__(self, sources):
        self.value = sum(source.sum().item() for source in sources)


class Counted:
    """Builds the table of some tensors, and counts how often."""

    def __init__(self, *sources):
        self.sources = sources
        self.times = 0

    def __call__(self):
        self.times += 1
        return Sum(self.sources)

    def value(self, name="sum"):
        return derived(self.sources, name, self).value


@pytest.fixture
def counted():
    return Counted(torch.arange(3.0), torch.ones(2))


def test_a_table_is_built_once(counted):
    first = derived(counted.sources, "sum", counted)
    assert first.value == 5
    assert all(derived(counted.sources, "sum", counted) is first for _ in range(3))
    assert derived(tuple(counted.sources), "sum", counted) is first
    assert counted.times == 1


def test_names_are_of_different_tables(counted):
    names = ["a", ("tiles", 3, 256), ("tiles", 4, 256), None]
    tables = [derived(counted.sources, name, counted) for name in names]
    again = [derived(counted.sources, name, counted) for name in names]
    assert counted.times == len(set(map(id, tables))) == len(names)
    assert all(one is other for one, other in zip(tables, again, strict=True))


def test_tables_without_a_value_are_kept(counted):
    built = []
    for _ in range(2):
        assert derived(counted.sources, "nothing", lambda: built.append(1)) is None
    assert built == [1]


def test_equal_tensors_have_their_own_tables():
    first, second = (Counted(torch.ones(3)) for _ in range(2))
    assert derived(first.sources, 0, first) is not derived(second.sources, 0, second)
    assert first.times == second.times == 1


def test_a_table_dies_with_the_first_tensor(counted):
    table = weakref.ref(derived(counted.sources, "sum", counted))
    tensors = [weakref.ref(source) for source in counted.sources]
    gc.collect()
    assert table() is not None
    del counted.sources
    gc.collect()
    assert table() is None
    assert [tensor() for tensor in tensors] == [None, None]


def test_a_table_in_place_of_another_lets_that_go(counted):
    table = weakref.ref(derived(counted.sources, "sum", counted))
    counted.sources[0].add_(1)
    assert counted.value() == 8
    gc.collect()
    assert table() is None


def test_a_table_that_holds_memory_of_its_tensor_dies_with_it():
    values = torch.arange(4.0)
    tensor = weakref.ref(values)
    array = weakref.ref(derived([values], "array", values.numpy))
    assert array() is not None
    del values
    gc.collect()
    assert tensor() is None
    assert array() is None


@pytest.mark.parametrize("which", [0, 1])
def test_a_change_of_any_tensor_gives_another_table(counted, which):
    assert counted.value() == 5
    for value in [6, 7, 8]:
        counted.sources[which][0] += 1
        assert counted.value() == value
        assert counted.value() == value
    assert counted.times == 4


def test_a_change_is_seen_by_all_names(counted):
    names = "abc"
    assert [counted.value(name) for name in names] == [5, 5, 5]
    counted.sources[1].zero_()
    assert [counted.value(name) for name in names] == [3, 3, 3]


@pytest.mark.parametrize("view", [torch.detach, lambda tensor: tensor[1:]], ids=["alias", "part"])
def test_a_change_by_way_of_a_view_is_seen(counted, view):
    assert counted.value() == 5
    view(counted.sources[0])[-1] = 5
    assert counted.value() == 8


@pytest.mark.parametrize("which", [0, 1])
def test_another_tensor_in_its_place_gives_another_table(counted, which):
    first = counted.value()
    sources = list(counted.sources)
    sources[which] = sources[which] + 1
    other = Counted(*sources)
    assert other.value() == first + len(sources[which])
    assert counted.value() == first


def test_a_tensor_may_have_tables_with_several_others_in_turn(counted):
    """As a graph that is shared by matrices."""
    first, second = counted.sources
    other = Counted(first, second + 1)
    for _ in range(3):
        assert (counted.value(), other.value()) == (5, 7)
    first.add_(1)
    for _ in range(3):
        assert (counted.value(), other.value()) == (8, 10)
    assert (counted.times, other.times) == (2, 2)


def test_tables_with_others_that_are_gone_are_let_go(counted):
    """At the latest when the tensor gets one with another again."""
    first = counted.sources[0]
    tables = []
    for _ in range(5):
        other = Counted(first, torch.ones(2))
        tables.append(weakref.ref(derived(other.sources, "sum", other)))
    del other
    counted.value()
    gc.collect()
    assert [table() for table in tables] == [None] * 5


@pytest.mark.parametrize("which", [0, 1])
def test_other_memory_gives_another_table(counted, which):
    """As by ``Module.to``, which may set ``data``, and leave the tensor the same."""
    assert counted.value() == 5
    source = counted.sources[which]
    source.data = torch.full_like(source, 10)
    assert counted.value() == [32, 23][which]


def test_the_same_numbers_written_again_and_again_cost_one_table(counted):
    for _ in range(10):
        assert counted.value() == 5
        for source in counted.sources:
            source.copy_(source.clone())
    assert counted.times <= 2


def test_a_change_is_seen_after_the_same_numbers_were_written(counted):
    for _ in range(3):
        counted.value()
        counted.sources[0].copy_(torch.arange(3.0))
    for source in counted.sources:
        before = counted.value(), counted.times
        source[-1] += 4
        assert counted.value() == before[0] + 4
        assert counted.times == before[1] + 1
        for _ in range(3):
            source.copy_(source.clone())
            assert counted.value() == before[0] + 4
        assert counted.times == before[1] + 1


def test_nothing_is_compared_where_nothing_was_written(counted, monkeypatch):
    """It would cost more than many a call."""
    for _ in range(3):
        counted.value()
        counted.sources[0].copy_(torch.arange(3.0))
    counted.value()
    monkeypatch.setattr(torch, "equal", None)
    assert counted.value() == 5


def test_what_is_changed_and_changed_back_is_seen_each_time(counted):
    for value in [5, 8, 5, 8]:
        counted.sources[1].copy_(torch.tensor([value - 4.0, 1.0]))
        assert counted.value() == value


def test_inference_tensors_have_tables():
    with torch.inference_mode():
        counted = Counted(torch.arange(3.0), torch.ones(2))
        assert counted.value() == 5
    assert counted.value() == 5
    assert counted.times == 1


def test_a_failure_is_not_kept(counted):
    with pytest.raises(ZeroDivisionError):
        derived(counted.sources, "sum", lambda: 1 // 0)
    assert counted.value() == 5


def test_a_table_may_be_made_from_another(counted):
    """Of the same tensors."""
    table = derived(counted.sources, "twice", lambda: 2 * counted.value())
    assert table == 10
    assert counted.value() == 5
    assert counted.times == 1


def test_threads_at_once_get_one_table(counted):
    threads = 8
    together = threading.Barrier(threads)

    def build():
        time.sleep(0.02)
        return counted()

    def call(_):
        together.wait(timeout=60)
        return derived(counted.sources, "sum", build)

    with ThreadPoolExecutor(threads) as pool:
        tables = list(pool.map(call, range(threads)))
    assert counted.times == 1
    assert all(table is tables[0] for table in tables)


def test_a_table_first_needed_in_inference_can_be_learned_with_later():
    source = torch.ones(3)
    with torch.inference_mode():
        table = derived([source], "double", lambda: 2 * source)
    assert not table.is_inference()
    learned = torch.ones(3, requires_grad=True)
    (learned * table).sum().backward()
    assert learned.grad.tolist() == [2, 2, 2]


def test_a_table_first_needed_by_a_tracer_has_numbers():
    source = torch.ones(3)
    with FakeTensorMode():
        table = derived([source], "double", lambda: 2 * source)
    assert table.tolist() == [2, 2, 2]
