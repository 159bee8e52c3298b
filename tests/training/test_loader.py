"""The loader: its order, its slices, its threads."""

import multiprocessing
import threading
import traceback
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.config.split import Split
from deepsphere.tasks.forecast import ForecastSamples
from deepsphere.tasks.samples import Batch
from deepsphere.training.loader import Loader

PIXELS = 5
SEED = 3
modest = settings(derandomize=True, deadline=None, max_examples=100)


@dataclass
class NumberedMaps:
    """Maps that show their own number; they record what was read, and by which thread."""

    bad: int = -1
    asked: list = field(default_factory=list)
    threads: list = field(default_factory=list)

    def batch(self, samples):
        self.asked.append(samples.tolist())
        self.threads.append(threading.current_thread())
        if self.bad in samples:
            raise ArithmeticError(f"sample {self.bad} is bad")
        inputs = np.broadcast_to(samples[:, None, None], (len(samples), PIXELS, 1))
        return Batch(
            inputs=inputs.astype(np.float32),
            target=samples.astype(np.float32),
            known=samples % 2 == 0,
        )


@pytest.fixture(params=[0, 1, 2, 5], ids=lambda prefetch: f"prefetch{prefetch}")
def prefetch(request):
    return request.param


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """Every test begins and ends with the same threads."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before


def loader(numbers=23, batch_size=4, samples=None, *, seed=SEED, **others):
    if isinstance(numbers, int):
        numbers = np.arange(100, 100 + numbers)
    return Loader(samples or NumberedMaps(), numbers, batch_size, seed=seed, **others)


def numbers_of(batches):
    return [batch.numbers.tolist() for batch in batches]


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


class DrawnMaps(NumberedMaps):
    """Maps that show the place at which they were drawn, if they were."""

    def drawn_batch(self, samples, place):
        batch = super().batch(samples)
        batch.inputs[:, 0, 0] = place[0]
        batch.inputs[:, 1, 0] = place[1]
        return batch


def published_order(numbers, batch_size, epoch):
    """Return the batches as a plain loop makes them, by which the published results came about."""
    order = np.random.default_rng((SEED, epoch)).permutation(numbers)
    return [
        order[start : start + batch_size].tolist() for start in range(0, len(order), batch_size)
    ]


def test_one_rank_sees_the_order_of_a_plain_loop(prefetch):
    numbers = np.arange(7, 30)
    found = loader(numbers, prefetch=prefetch)
    for epoch in (0, 1, 5):
        assert numbers_of(found.epoch(epoch)) == published_order(numbers, 4, epoch)


def test_the_order_does_not_depend_on_what_was_read_before():
    one, other = loader(), loader()
    list(one.epoch(0))
    assert numbers_of(one.epoch(1)) == numbers_of(other.epoch(1))
    assert numbers_of(one.epoch(1)) == numbers_of(one.epoch(1))
    assert numbers_of(one.epoch(1)) != numbers_of(one.epoch(0))
    assert numbers_of(one.epoch(1)) != numbers_of(loader(seed=SEED + 1).epoch(1))


def test_without_a_seed_the_order_is_that_of_the_numbers(prefetch):
    numbers = np.array([8, 3, 5, 4, 9])
    found = loader(numbers, 2, seed=None, prefetch=prefetch)
    for epoch in (0, 1):
        assert numbers_of(found.epoch(epoch)) == [[8, 3], [5, 4], [9]]


def test_a_batch_holds_its_samples(prefetch):
    for batch in loader(prefetch=prefetch).epoch(0):
        numbers = torch.from_numpy(batch.numbers)
        assert batch.numbers.dtype == np.int64
        assert batch.inputs.shape == (len(numbers), PIXELS, 1)
        assert batch.inputs.dtype == batch.target.dtype == torch.float32
        assert torch.equal(batch.inputs, numbers[:, None, None].expand(-1, PIXELS, 1).float())
        assert torch.equal(batch.target, numbers.float())
        assert torch.equal(batch.known, numbers % 2 == 0)


def test_batches_may_be_kept(prefetch):
    kept = list(loader(prefetch=prefetch).epoch(0))
    for batch in kept:
        assert torch.equal(batch.target, torch.from_numpy(batch.numbers).float())
    pointers = {batch.inputs.data_ptr() for batch in kept}
    assert len(pointers) == len(kept)


@pytest.mark.parametrize("ranks", [1, 3])
def test_what_is_drawn_follows_from_seed_and_epoch_alone(prefetch, ranks):
    """Whatever the rank, and wherever the epoch is taken up."""
    for epoch, start in ((0, 0), (2, 1), (2, 4)):
        for rank in range(ranks):
            place = {"rank": rank, "ranks": ranks, "prefetch": prefetch}
            for batch in loader(samples=DrawnMaps(), **place).epoch(epoch, start):
                assert (batch.inputs[:, 0] == SEED).all()
                assert (batch.inputs[:, 1] == epoch).all()
                assert torch.equal(batch.inputs[:, 2, 0], batch.target)


def test_nothing_is_drawn_without_a_seed(prefetch):
    for batch in loader(samples=DrawnMaps(), seed=None, prefetch=prefetch).epoch(2):
        assert torch.equal(batch.inputs[..., 0], batch.target[:, None].expand(-1, PIXELS))


sizes = st.integers(0, 40)
batch_sizes = st.integers(1, 12)
world_sizes = st.integers(1, 5)


@modest
@given(sizes, batch_sizes, world_sizes, st.booleans(), st.integers(0, 3))
def test_the_ranks_together_see_the_batches_of_one_process(
    size, batch_size, ranks, shuffle, prefetch
):
    seed = SEED if shuffle else None
    others = {"seed": seed, "prefetch": prefetch}
    alone = loader(size, batch_size, **others)
    batches = numbers_of(alone.epoch(1))
    parts = [loader(size, batch_size, rank=rank, ranks=ranks, **others) for rank in range(ranks)]
    slices = [numbers_of(part.epoch(1)) for part in parts]
    # All ranks take the same number of steps, and a step's slices in a row are the global batch.
    assert {part.batches for part in parts} == {alone.batches} == {len(batches)}
    assert [list(chain(*step)) for step in zip(*slices, strict=True)] == batches
    for step in zip(*slices, strict=True):
        lengths = [len(part) for part in step]
        assert max(lengths) - min(lengths) <= 1
    # Every sample comes once; only the last batch may have fewer than the others.
    seen = list(chain(*batches))
    assert len(set(seen)) == len(seen)
    assert set(seen) <= set(range(100, 100 + size))
    assert len(seen) == size
    assert all(len(batch) == batch_size for batch in batches[:-1])


@modest
@given(sizes, batch_sizes, st.integers(1, 3), st.integers(0, 3), st.data())
def test_a_resumed_epoch_is_the_rest_of_the_whole_one(size, batch_size, ranks, prefetch, data):
    rank = data.draw(st.integers(0, ranks - 1))
    others = {"rank": rank, "ranks": ranks, "prefetch": prefetch}
    whole = loader(size, batch_size, **others)
    start = data.draw(st.integers(0, whole.batches))
    samples = NumberedMaps()
    resumed = loader(size, batch_size, samples, **others)
    expected = numbers_of(whole.epoch(2))[start:]
    assert numbers_of(resumed.epoch(2, start)) == expected
    # What is skipped is not read.
    assert samples.asked == expected


def test_empty_slices_are_batches_of_no_samples(prefetch):
    last = [
        list(loader(5, 4, rank=rank, ranks=3, prefetch=prefetch).epoch(0))[-1] for rank in range(3)
    ]
    assert [len(batch.numbers) for batch in last] == [0, 0, 1]
    assert last[0].inputs.shape == (0, PIXELS, 1)
    assert last[0].target.shape == last[0].known.shape == (0,)


def test_a_task_gives_empty_slices():
    days = 6
    samples = ForecastSamples(
        values=np.zeros((days, PIXELS, 2), np.float32),
        days=np.datetime64("2010-01-01") + np.arange(days),
        split=Split(train=0.5, validation=0, test=0.5),
        window=2,
        mean=np.zeros(2, np.float32),
        deviation=np.ones(2, np.float32),
        fill=np.zeros((PIXELS, 2), np.float32),
        unit="°C",
    )
    (batch,) = Loader(samples, np.arange(1), 1, seed=None, rank=0, ranks=2).epoch(0)
    assert batch.inputs.shape == (0, PIXELS, 2)
    assert batch.target.shape == batch.known.shape == (0, PIXELS)


def test_two_other_threads_read_at_the_same_time():
    class Meeting(NumberedMaps):
        together = threading.Barrier(2, timeout=10)

        def batch(self, samples):
            self.together.wait()
            return super().batch(samples)

    samples = Meeting()
    for _ in loader(samples=samples, prefetch=3).epoch(0):
        pass
    assert len(set(samples.threads)) == 2
    assert threading.current_thread() not in samples.threads


def test_batches_come_in_order_whoever_is_first():
    class Hindered(NumberedMaps):
        def batch(self, samples):
            if samples[0] % 8 == 0:
                threading.Event().wait(0.01)
            return super().batch(samples)

    batches = Loader(Hindered(), np.arange(40), 4, seed=None, prefetch=3).epoch(0)
    assert [batch.numbers[0] for batch in batches] == list(range(0, 40, 4))


def test_without_prefetch_the_consumer_reads_when_it_asks():
    samples = NumberedMaps()
    batches = loader(samples=samples, prefetch=0).epoch(0)
    for count in (1, 2):
        next(batches)
        assert len(samples.asked) == count
    assert set(samples.threads) == {threading.current_thread()}


@pytest.mark.parametrize("ahead", [1, 2, 5])
def test_no_more_is_read_ahead_than_was_asked_for(ahead):
    samples = NumberedMaps()
    batches = loader(40, 1, samples, prefetch=ahead).epoch(0)
    for taken in (1, 2, 3):
        next(batches)
        wait_until(lambda taken=taken: len(samples.asked) == taken + ahead)
    # Room for one more batch than is wanted: a thread that went on would fill it.
    threading.Event().wait(0.02)
    assert len(samples.asked) == 3 + ahead
    batches.close()


def wait_until(condition):
    pause = threading.Event()
    for _ in range(1000):
        if condition():
            return
        pause.wait(0.01)
    raise AssertionError("waited for 10 s in vain")


def test_the_threads_start_with_the_first_batch():
    samples = NumberedMaps()
    batches = loader(samples=samples).epoch(0)
    assert not readers()
    next(batches)
    assert len(readers()) == 2
    batches.close()
    assert not readers()


def test_a_finished_epoch_leaves_no_thread(prefetch):
    batches = loader(prefetch=prefetch).epoch(0)
    list(batches)
    assert not readers()


def test_leaving_a_loop_early_stops_the_threads():
    def first_of_epoch():
        for batch in loader(400).epoch(0):
            return batch
        return None

    assert len(first_of_epoch().numbers) == 4
    assert not readers()
    with pytest.raises(KeyError):
        for batch in loader(400).epoch(0):
            raise KeyError(batch.numbers[0])
    assert not readers()


def test_closing_early_gives_up_what_waits_to_be_read():
    class SlowMaps(NumberedMaps):
        def batch(self, samples):
            threading.Event().wait(0.05)
            return super().batch(samples)

    samples = SlowMaps()
    ahead = 60
    batches = loader(200, 1, samples, prefetch=ahead).epoch(0)
    next(batches)
    batches.close()
    assert not readers()
    # All that was asked for would take 3 s.
    assert len(samples.asked) < ahead


def test_an_error_comes_in_place_of_its_batch_and_says_where_it_arose(prefetch):
    bad = published_order(np.arange(100, 123), 4, 0)[2][1]
    batches = loader(samples=NumberedMaps(bad=bad), prefetch=prefetch).epoch(0)
    assert len(next(batches).numbers) == len(next(batches).numbers) == 4
    with pytest.raises(ArithmeticError, match=f"sample {bad} is bad") as caught:
        next(batches)
    assert "batch" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert not readers()
    if prefetch:
        # A generator that raised is exhausted.
        assert list(batches) == []


def epoch_in_child(found, pipe):
    pipe.send(numbers_of(found.epoch(0)))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_reads_epochs_of_its_own():
    found = loader()
    inherited = found.epoch(0)
    next(inherited)
    here, there = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=epoch_in_child, args=(found, there))
    child.start()
    assert here.poll(30)
    assert here.recv() == numbers_of(found.epoch(0))
    child.join(30)
    assert child.exitcode == 0
    # The epoch that was under way in the parent goes on.
    assert len(list(inherited)) == found.batches - 1


@pytest.mark.parametrize(
    ("size", "batch_size", "expected"), [(0, 4, 0), (8, 4, 2), (9, 4, 3), (3, 4, 1)]
)
def test_number_of_batches(size, batch_size, expected):
    assert loader(size, batch_size).batches == expected


@pytest.mark.parametrize(
    ("others", "message"),
    [
        ({"numbers": np.zeros((2, 2), np.int64)}, r"shape \(sample,\)"),
        ({"numbers": np.zeros(3, np.float32)}, "found float32"),
        ({"batch_size": 0}, "batch_size of 1 or more, found 0"),
        ({"rank": 2, "ranks": 2}, "0 <= rank < ranks"),
        ({"rank": -1}, "0 <= rank < ranks"),
        ({"ranks": 0}, "0 <= rank < ranks"),
        ({"prefetch": -1}, "prefetch of 0 or more, found -1"),
    ],
)
def test_wrong_parameters(others, message):
    with pytest.raises(ValueError, match=message):
        loader(**others)


@pytest.mark.parametrize(("number", "start"), [(-1, 0), (0, -1), (0, 7)])
def test_wrong_epochs(number, start, prefetch):
    # At once, not when the first batch is asked for.
    with pytest.raises(ValueError, match="start from 0 to 6"):
        loader(prefetch=prefetch).epoch(number, start)


@pytest.mark.skipif(torch.cuda.is_available(), reason="wants a machine without a GPU")
def test_memory_is_pinned_only_for_a_gpu():
    with pytest.raises(ValueError, match="expected a GPU"):
        loader(pin_memory=True)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants a GPU")
def test_memory_is_pinned():
    for batch in loader(pin_memory=True).epoch(0):
        assert all(part.is_pinned() for part in (batch.inputs, batch.target, batch.known))
        assert torch.equal(batch.target, torch.from_numpy(batch.numbers).float())
