import numpy as np
import pytest

from deepsphere.tasks.class_normalization import S2CNN, channel_scales

CHANNELS = ("cosine", "distance")


@pytest.fixture
def values():
    random = np.random.default_rng(0)
    scales = np.array([1, 5, 0.1])[:, None, None, None] * np.array([1, 3])
    return (random.normal(2, 1, (3, 4, 6, 2)) * scales).reshape(12, 6, 2).astype(np.float32)


@pytest.fixture
def plain(values, labelled_store):
    """Four samples of each split; the last one of each is not known."""
    values = values.copy()
    values[3::4] = np.nan
    return labelled_store(values, np.arange(12) % 3, np.repeat([0, 1, 2], 4))


@pytest.fixture
def described(values, labelled_store):
    """The same samples in two sets of copies of which the source says the statistics."""
    copies = np.tile([0, 0, 0, 1], 3)
    statistics = {
        name: {
            of_copies: {
                "mean": part.mean(axis=(0, 1), dtype=np.float64).tolist(),
                "deviation": part.std(axis=(0, 1), dtype=np.float64).tolist(),
                "samples": len(part),
            }
            for number, of_copies in enumerate(("up", "turned"))
            for part in [values[4 * split : 4 * split + 4][copies[:4] == number]]
        }
        for split, name in enumerate(("train", "validation", "test"))
    }
    return labelled_store(
        values,
        np.arange(12) % 3,
        np.repeat([0, 1, 2], 4),
        attrs={"copies": ["up", "turned"], "statistics": statistics},
        copies=copies.astype(np.uint8),
    )


def scales_of(store, normalization, copies=()):
    return channel_scales(
        store, CHANNELS, store.split, dict.fromkeys(store.split, copies), normalization
    )


def expected(values, *parts):
    """Return mean and deviation of the channels in the order of the task, split by split."""
    chosen = [values[part][..., ::-1].astype(np.float64) for part in parts]
    return (
        np.stack([part.mean(axis=(0, 1)) for part in chosen]),
        np.stack([part.std(axis=(0, 1)) for part in chosen]),
    )


def agree(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_statistics_are_taken_from_the_samples_where_the_source_says_none(plain, values):
    first = slice(0, 3)
    agree(scales_of(plain, "train"), expected(values, first, first, first))
    own = (slice(0, 3), slice(4, 7), slice(8, 11))
    agree(scales_of(plain, "own-split"), expected(values, *own))


@pytest.mark.parametrize(
    ("copies", "within"), [((), range(4)), (("up",), range(3)), (("turned",), [3])]
)
def test_statistics_of_several_sets_of_copies_are_those_of_all_their_samples(
    described, values, copies, within
):
    parts = [[4 * split + number for number in within] for split in range(3)]
    agree(scales_of(described, "own-split", copies), expected(values, *parts))
    agree(scales_of(described, "train", copies), expected(values, *parts[:1] * 3))


def test_a_set_of_which_all_is_broken_says_nothing(described):
    nothing = {"mean": [np.nan] * 2, "deviation": [np.nan] * 2, "samples": 0}
    described.attrs["statistics"]["validation"] = {"up": nothing}
    described.attrs["statistics"]["test"]["up"] = nothing
    mean, deviation = scales_of(described, "own-split")
    turned = described.attrs["statistics"]["test"]["turned"]
    assert mean[1].tolist() == [0, 0]
    assert deviation[1].tolist() == [1, 1]
    np.testing.assert_allclose(mean[2], turned["mean"][::-1])
    np.testing.assert_allclose(deviation[2], turned["deviation"][::-1])


def test_a_constant_channel_is_not_divided(labelled_store):
    values = np.zeros((4, 3, 2))
    values[..., 0] = [[0], [1], [2], [3]]
    store = labelled_store(values, [0, 1, 0, 1], [0, 0, 2, 2])
    _, deviation = scales_of(store, "train")
    assert (deviation[:, 0] == 1).all()
    assert (deviation[:, 1] == 0.5).all()


def test_constants_are_those_of_the_publication(plain):
    mean, deviation = scales_of(plain, "s2cnn")
    assert mean.tolist() == [[0.59, 0.75]] * 3
    assert deviation.tolist() == [[0.50, 0.26]] * 3
    assert list(S2CNN) == [
        f"{of}{what}" for of in ("", "hull-") for what in ("distance", "cosine", "sine")
    ]
