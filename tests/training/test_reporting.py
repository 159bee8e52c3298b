"""What the user sees of a training."""

import io
import json
import logging
import sys
import types

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.training.progress import Progress
from deepsphere.training.reporting import Reporter


def entry(epoch):
    result = {"epoch": epoch, "learning_rate": 0.1, "loss": 1 / epoch}
    return result | ({"validation": {"mse": 2.0, "mae": 1.0}} if epoch % 2 == 0 else {})


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_there_is_a_bar_with_the_time_left(
    tmp_path, make_settings, monkeypatch, caplog
):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with (
        caplog.at_level(logging.INFO),
        Reporter(tmp_path, make_settings(epochs=4), 5, Progress(epoch=1, batch=3), False) as report,
    ):
        report.step(2)
        report.epoch(entry(2))
    text = terminal.getvalue()
    assert "8/20" in text
    assert "10/20" in text
    assert "<" in text
    assert "loss 0.5; validation mse 2, mae 1" in text
    assert not caplog.records


def test_elsewhere_there_is_a_line_an_epoch(tmp_path, make_settings, caplog, capsys):
    with (
        caplog.at_level(logging.INFO),
        Reporter(tmp_path, make_settings(epochs=4), 5, Progress(), False) as report,
    ):
        for epoch in (1, 2):
            report.step(5)
            report.epoch(entry(epoch))
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("epoch 1/4: loss 1 (")
    assert first.endswith(" s left)")
    assert second.startswith("epoch 2/4: loss 0.5; validation mse 2, mae 1 (")
    assert capsys.readouterr() == ("", "")


def test_the_curve_begins_with_the_history_and_grows(tmp_path, make_settings):
    path = tmp_path / "history.jsonl"
    path.write_text('{"epoch": 1}\n{"epoch": 2}\n{"epo')
    progress = Progress(epoch=1, history=[entry(1)])
    with Reporter(tmp_path, make_settings(), 5, progress, False) as report:
        report.epoch(entry(2))
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == [entry(1), entry(2)]


def test_the_other_processes_show_and_write_nothing(tmp_path, make_settings, monkeypatch, caplog):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    settings = make_settings(tensorboard=True)
    with caplog.at_level(logging.INFO), Reporter(tmp_path, settings, 5, Progress(), True) as report:
        report.step(1)
        report.epoch(entry(1))
    assert terminal.getvalue() == ""
    assert not caplog.records
    assert not list(tmp_path.iterdir())


class Writer:
    """Stands for TensorBoard's writer, which need not be installed."""

    def __init__(self, folder, purge_step):
        self.folder, self.purge_step, self.values, self.closed = folder, purge_step, [], False
        Writer.made = self

    def add_scalar(self, name, value, epoch):
        self.values.append((name, value, epoch))

    def close(self):
        self.closed = True


def test_tensorboard_gets_all_curves(tmp_path, make_settings, monkeypatch):
    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    progress = Progress(epoch=1, history=[entry(1)])
    with Reporter(tmp_path, make_settings(tensorboard=True), 5, progress, False) as report:
        report.epoch(entry(2))
    writer = Writer.made
    assert (writer.folder, writer.purge_step) == (tmp_path / "tensorboard", 2)
    assert writer.closed
    assert writer.values == [
        ("loss", 0.5, 2),
        ("learning_rate", 0.1, 2),
        ("validation/mse", 2.0, 2),
        ("validation/mae", 1.0, 2),
    ]


def test_tensorboard_that_is_not_installed_is_an_error(tmp_path, make_settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(DeepsphereError, match=r"training\.tensorboard: .*not installed"):
        Reporter(tmp_path, make_settings(tensorboard=True), 5, Progress(), False)
