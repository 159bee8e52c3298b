"""The experiment on maps of matter: its settings and numbers are those that were published."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from deepsphere.config.configuration import Configuration, load_configuration
from deepsphere.report.noise_curves import noise_groups
from deepsphere.sources.cosmo.divisions import divide_maps, number_splits
from deepsphere.sources.cosmo.entries import in_order
from deepsphere.sources.cosmo.published import find_entry
from deepsphere.sources.cosmo.settings import Store
from deepsphere.tasks.classification import Task as Classification

ROOT = Path(__file__).parents[2]
NOISES = {"n0": 0, "n05": 0.5, "n1": 1, "n15": 1.5, "n2": 2}

STORED = """
fcn o1 100 100 100 100 100
fcn o2 100 100 100 99.58 97.92
fcn o4 100 99.79 97.71 92.53 86.85
cnn o1 100 100 100 99.58 100
cnn o2 100 100 100 99.06 98.12
cnn o4 100 99.71 97.19 91.25 83.62
planar-fcn o1 100/100 100/100 100/100 100/100 98.75/99.58
planar-fcn o2 100/100 99.90/100 99.27/99.58 97.92/98.23 89.79/92.40
planar-fcn o4 99.27/98.28 98.20/97.24 93.39/92.45 87.16/88.67 80.05/81.85
planar-cnn o1 100/85.0 100/100 90.83/98.75 55.42/57.08 50.83/51.67
planar-cnn o2 100/100 100/99.90 96.56/97.71 93.33/90.42 64.27/87.81
planar-cnn o4 99.38/99.32 98.05/97.92 92.27/93.33 79.95/79.95 73.91/68.18
planar-fcn-wide o1 100/50.0 100/100 100/100 100/100 100/99.17
planar-fcn-wide o2 97.60/100 97.81/99.90 99.27/99.58 98.02/97.60 93.12/94.48
planar-fcn-wide o4 97.42/96.51 98.65/98.44 94.17/94.95 87.47/87.21 81.80/81.20
planar-cnn-wide o1 100/100 100/100 95.83/97.08 58.75/59.58 57.92/53.33
planar-cnn-wide o2 100/100 100/100 98.96/99.58 96.67/97.08 92.40/87.81
planar-cnn-wide o4 99.38/99.56 98.52/98.39 94.43/94.71 85.16/87.58 78.05/79.40
"""
"""Accuracies in percent that the code of 2019 stored, one or two runs, by network, order, noise."""

STORED_MACHINES = """
histogram o1 100 100 100 99.58 99.17
histogram o2 98.96 99.27 98.12 95.00 89.48
histogram o4 90.42 89.14 86.04 80.05 74.27
spectrum o1 100 98.33 92.92 88.75 77.50
spectrum o2 95.42 90.21 86.77 81.67 75.31
spectrum o4 86.41 77.84 71.35 68.02 63.67
"""
"""The same of the support-vector machines, single runs."""


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return load_configuration([])


@pytest.mark.parametrize("line", STORED.strip().splitlines())
def test_published_accuracies_are_the_means_of_what_was_stored(
    line: str, configuration: Configuration
) -> None:
    network, order, *stored = line.split()
    cosmo = configuration.experiments["cosmo"]
    for (name, noise), words in zip(NOISES.items(), stored, strict=True):
        variant = cosmo.variants[f"{network}-{order}-{name}"]
        runs = [float(word) / 100 for word in words.split("/")]
        assert variant.published is not None
        assert variant.published.metrics["accuracy"] == pytest.approx(np.mean(runs), abs=1e-9)
        notes = {1: "single runs", 2: "the mean of two runs"}
        assert variant.published.note == notes[len(runs)]
        task = cosmo.tasks[variant.task]
        assert isinstance(task, Classification)
        assert (task.store, task.noise) == (f"cosmo-{order}", noise)
        assert variant.graph == f"cosmo-{order}-v1"
        assert variant.training.batch_size == 16 * int(order[1:]) ** 2


@pytest.mark.parametrize("line", STORED_MACHINES.strip().splitlines())
def test_published_accuracies_of_baselines_are_what_was_stored(
    line: str, configuration: Configuration
) -> None:
    baseline, order, *stored = line.split()
    cosmo = configuration.experiments["cosmo"]
    network = cosmo.variants["fcn-o1-n0"].published
    assert network is not None
    for (name, noise), percent in zip(NOISES.items(), stored, strict=True):
        task = cosmo.tasks[f"{order}-{name}"]
        assert isinstance(task, Classification)
        assert (task.store, task.noise) == (f"cosmo-{order}", noise)
        assert baseline in task.map_baselines
        found = task.published[baseline]
        assert found.metrics == {"accuracy": pytest.approx(float(percent) / 100, abs=1e-9)}
        assert found.source == network.source
        assert str(found.note).startswith("single runs")


def test_no_other_task_has_published_baselines(configuration: Configuration) -> None:
    tasks = configuration.experiments["cosmo"].tasks
    published = {f"{order}-{name}" for order in ("o1", "o2", "o4") for name in NOISES}
    assert {name for name, task in tasks.items() if task.published} == published


def test_tasks_of_one_order_are_compared_over_noise_whatever_was_published(
    configuration: Configuration,
) -> None:
    tasks = configuration.experiments["cosmo"].tasks
    groups = noise_groups({name: task.scoring_settings() for name, task in tasks.items()})
    several = [name.removeprefix("n") for name in NOISES]
    assert sorted(groups) == [
        tuple(f"o1-n{noise}" for noise in (*several, "3", "35", "4")),
        tuple(f"o2-n{noise}" for noise in several),
        tuple(f"o4-n{noise}" for noise in several),
    ]


@pytest.mark.parametrize(
    ("order", "counts"), [(1, (384, 96, 240)), (2, (1536, 384, 960)), (4, (6144, 1536, 3840))]
)
def test_published_stores_have_the_published_samples(
    order: int, counts: tuple[int, int, int], configuration: Configuration
) -> None:
    """All 60 maps are in them: none is screened out."""
    store = configuration.stores[f"cosmo-o{order}"]
    assert isinstance(store, Store)
    assert not store.screening
    entries = [
        find_entry(f"{archive}.zip", f"{archive}/kappa_omega_m_0p{omega}_s_{seed}.npy")
        for archive, seeds in (("training", range(20)), ("testing", range(20, 30)))
        for omega in (26, 31)
        for seed in seeds
    ]
    divided, left_out = divide_maps(in_order([each for each in entries if each]), store.split)
    owners = np.repeat(np.arange(60, dtype=np.int32), 12 * order**2)
    found = Counter(number_splits(divided, owners, store.split).tolist())
    assert ([found[split] for split in range(3)], left_out) == (list(counts), [])


def test_sound_skies_are_screened_and_divided_by_seed(configuration: Configuration) -> None:
    store = configuration.stores["cosmo-skies"]
    assert isinstance(store, Store)
    assert (store.screening, store.split.kind, store.order) == (True, "seed-grouped", 0)
