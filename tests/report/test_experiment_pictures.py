import numpy as np
import pytest

from deepsphere.report import experiment_pictures, noise_curves, paired_skies
from deepsphere.report.experiment_pictures import noise_pictures, sky_pictures
from deepsphere.report.paired_skies import Pair
from deepsphere.report.style import to_png
from deepsphere.report.table import Cell, Row

TITLES = {"one": "Patches of order 1, no noise", "two": "Patches of order 1, noise 2"}
PAIR = Pair(5, ("cold", "hot"), "convergence", 2, 0, 0, np.zeros((2, 48), np.float32))


def make_row(task, accuracy):
    cells = {"accuracy": Cell(accuracy, None, (accuracy,))}
    return Row(task, f"fcn-{task}", "variant", "FCN", "sound", 1, cells, {}, None)


def test_tasks_of_different_noise_have_one_picture_by_the_words_that_they_share():
    rows = [make_row("one", 1.0), make_row("two", 0.75)]
    settings = {"one": {"noise": 0}, "two": {"noise": 2}}
    tasks = {name: {"title": title, "store": {"simulated": True}} for name, title in TITLES.items()}
    (picture,) = noise_pictures(tasks, settings, rows)
    assert (picture.name, picture.featured) == ("noise-one", True)
    metric, lines = noise_curves.noise_lines(rows, {"one": 0.0, "two": 2.0})
    title = "Patches of order 1 (simulated data)"
    assert picture.image == to_png(noise_curves.draw(lines, metric, title))
    assert not list(noise_pictures(tasks, {"one": {"noise": 1}, "two": {"noise": 1}}, rows))


@pytest.mark.parametrize(
    ("one", "two", "title"),
    [
        ("Patches of order 1, noise 0.5", "Patches of order 1, noise 1", "Patches of order 1"),
        ("Patches of order 1", "Patches of order 1, noise 1", "Patches of order 1"),
        ("Mocks: 1,000 maps (noise 1)", "Mocks: 1,000 maps (noise 2)", "Mocks: 1,000 maps"),
        ("Mocks, noise 1, smoothed", "Mocks, noise 2, smoothed", "Mocks"),
        ("Patches with noise 1", "Patches with noise 2", "Patches with noise"),
        ("Patches, noisy", "Patches, noisy", "Patches, noisy"),
        ("little", "much", ""),
    ],
)
def test_a_title_is_cut_between_clauses_if_they_share_any(monkeypatch, one, two, title):
    titles = []
    draw = noise_curves.draw

    def drawn(lines, metric, title):
        titles.append(title)
        return draw(lines, metric, title)

    monkeypatch.setattr(noise_curves, "draw", drawn)
    rows = [make_row("one", 1.0), make_row("two", 0.75)]
    settings = {"one": {"noise": 0}, "two": {"noise": 2}}
    tasks = {
        name: {"title": words, "store": {"simulated": False}}
        for name, words in (("one", one), ("two", two))
    }
    assert len(list(noise_pictures(tasks, settings, rows))) == 1
    assert titles == [title]


@pytest.mark.parametrize("simulated", [False, True])
def test_maps_that_were_made_up_say_so_on_themselves_and_below(monkeypatch, simulated):
    titles = []
    draw = paired_skies.draw

    def drawn(pair, title):
        titles.append(title)
        return draw(pair, title)

    monkeypatch.setattr(paired_skies, "find_pair", lambda store, channel: PAIR)
    monkeypatch.setattr(paired_skies, "draw", drawn)
    (picture,) = sky_pictures("skies", None, "convergence", simulated)
    assert picture.name == "maps-skies"
    assert ("(lognormal mocks)" in titles[0]) == simulated
    assert ("lognormal mocks, not N-body" in picture.caption) == simulated
    assert "40° around 41.8°N 45°E" in picture.caption


def test_other_stores_have_no_maps(monkeypatch):
    monkeypatch.setattr(experiment_pictures.paired_skies, "find_pair", lambda *_: None)
    assert not list(sky_pictures("skies", None, "convergence", True))
