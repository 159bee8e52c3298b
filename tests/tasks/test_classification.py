import pytest
from pydantic import ValidationError

from deepsphere.tasks.classification import Task

CHANNELS = ("distance", "cosine")


def task(**others):
    return Task(**({"kind": "classification", "store": "signals", "channels": CHANNELS} | others))


def test_its_settings_reach_its_samples(copied_store):
    settings = {
        "channels": ["cosine"],
        "train_copies": ["turned"],
        "test_copies": ["up"],
        "votes": True,
        "triplet": 0.5,
        "retrieval": True,
        "ranking": "nearest",
        "noise": 1.5,
    }
    samples = task(**settings).samples(copied_store)
    assert samples.channels == ("cosine",)
    assert [len(samples.splits[name]) for name in ("train", "test")] == [10, 4]
    assert samples.votes
    assert (samples.noise, samples.parts) == (1.5, 1)
    assert task(parts=5).samples(copied_store).parts == 5
    assert samples.objective == {"kind": "classification", "triplet": 0.5, "descriptors": True}
    plain = task().samples(copied_store)
    assert plain.objective == {"kind": "classification", "triplet": 0.0, "descriptors": False}
    assert "micro_map" in samples.metrics
    assert "micro_map" not in plain.metrics


def test_baselines_answer_for_every_test_sample(copied_store):
    chances = [chances for *_, chances in task().baselines(copied_store)]
    assert [part.shape for part in chances] == [(12, 3)] * 3
    chances = [chances for *_, chances in task(parts=5, noise=1.0).baselines(copied_store)]
    assert [part.shape for part in chances] == [(12, 5, 3)] * 3


def test_further_baselines_come_if_they_are_asked_for(copied_store):
    found = task(map_baselines=["histogram"], noise=0.5, baseline_draws=2).baselines(copied_store)
    assert [name for name, *_ in found] == ["majority", "nearest", "linear", "histogram"]


def test_statistics_of_test_samples_look_ahead():
    assert task(normalization="own-split").looks_ahead == "normalization: own-split"
    assert task().looks_ahead is None
    assert task(normalization="s2cnn").looks_ahead is None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ranking": "nearest"}, "found 'nearest'; it goes with retrieval: true"),
        (
            {"normalization": "s2cnn", "channels": ["distance", "height"]},
            "found 's2cnn', which knows nothing of 'height'; take train, or",
        ),
        ({"triplet": -1}, "greater than or equal to 0"),
        ({"train_copies": "turned"}, "valid tuple"),
        ({"noise": -1}, "greater than or equal to 0"),
        ({"noise": float("inf")}, "finite number"),
        ({"parts": 0}, "greater than or equal to 1"),
        ({"parts": 12, "retrieval": True}, "found 12; only whole maps go with retrieval and trip"),
        ({"parts": 12, "triplet": 0.5}, "found 12; only whole maps go with retrieval and triplet"),
        ({"map_baselines": ["pixels"]}, "'histogram', 'spectrum' or 'apodised-spectrum'"),
        ({"baseline_draws": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        task(**settings)


def test_what_only_the_test_depends_on_is_no_setting_of_the_training():
    plain = task(retrieval=False, ranking="score").training_settings()
    other = task(title="Other", retrieval=True, ranking="thresholds")
    assert other.training_settings() == plain
    assert plain["channels"] == list(CHANNELS)
    assert not {"title", "retrieval", "ranking"} & plain.keys()
    assert task(map_baselines=["histogram"], baseline_draws=3).training_settings() == plain
    for decides in ({"triplet": 0.5}, {"noise": 1.0}, {"parts": 12}):
        assert task(**decides).training_settings() != plain
    assert task(normalization="own-split").training_settings() != plain


def test_what_the_store_lacks_is_named():
    named = task(train_copies=["so3"], test_copies=["so3", "z"])
    named.check_store(CHANNELS, ("z", "so3"))
    with pytest.raises(ValueError, match=r"^test_copies: found 'z'; its store has so3"):
        named.check_store(CHANNELS, ("so3",))
    with pytest.raises(ValueError, match=r"^train_copies: found 'so3'; its store has none; leave"):
        named.check_store(CHANNELS, ())
    with pytest.raises(ValueError, match=r"^channels: found 'cosine'; its store has distance"):
        named.check_store(("distance",), ("so3", "z"))
