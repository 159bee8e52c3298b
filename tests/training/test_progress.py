import pytest
import torch

from deepsphere.training.progress import Progress


def run_through(errors, settings, epochs):
    """Count epochs whose monitored error is given; return the progress and where it ended."""
    progress, model = Progress(), torch.nn.Linear(1, 1)
    while not progress.is_finished(settings):
        progress.finish_epoch()
        entry = {"epoch": progress.epoch}
        if progress.is_monitored(settings):
            error = errors[len([one for one in progress.history if "validation" in one])]
            torch.nn.init.constant_(model.weight, error)
            progress.keep_best(model, error)
            entry["validation"] = {"mse": error}
        progress.history.append(entry)
    assert progress.epoch <= epochs
    return progress


@pytest.mark.parametrize(
    ("patience", "every", "ended", "best"),
    [(None, 1, 8, 7), (1, 1, 2, 1), (2, 1, 6, 4), (3, 1, 8, 7), (2, 2, 6, 2)],
)
def test_training_ends_after_so_many_points_without_a_better_one(
    make_settings, patience, every, ended, best
):
    errors = [5.0, 5.0, 4.0, 3.0, 3.5, 3.0, 1.0, 2.0] if every == 1 else [3.0, 3.0, 4.0, 1.0]
    settings = make_settings(select="best", patience=patience, monitor_every=every)
    progress = run_through(errors, settings, 8)
    assert (progress.epoch, progress.best["epoch"]) == (ended, best)
    assert progress.best["weights"]["weight"].item() == progress.best["error"]


def test_the_last_epoch_is_always_monitored(make_settings):
    settings = make_settings(epochs=5, monitor_every=2)
    found = [Progress(epoch=epoch).is_monitored(settings) for epoch in range(1, 6)]
    assert found == [False, True, False, True, True]


def test_a_finished_epoch_has_its_mean_loss_and_leaves_no_sums():
    progress = Progress(epoch=3, batch=5, sums=torch.tensor([6.0, 4.0], dtype=torch.float64))
    assert progress.finish_epoch() == 1.5
    assert (progress.epoch, progress.batch, progress.sums.tolist()) == (4, 0, [0, 0])
    assert progress.finish_epoch() == 0


def test_the_best_weights_are_kept_apart_from_the_model():
    progress, model = Progress(), torch.nn.Linear(1, 1)
    torch.nn.init.constant_(model.weight, 2)
    progress.keep_best(model, 0.5)
    torch.nn.init.constant_(model.weight, 3)
    assert progress.best["weights"]["weight"].item() == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="wants a GPU")
def test_the_best_weights_are_kept_on_the_cpu():
    progress = Progress()
    progress.keep_best(torch.nn.Linear(1, 1).cuda(), 0.5)
    assert {value.device.type for value in progress.best["weights"].values()} == {"cpu"}
