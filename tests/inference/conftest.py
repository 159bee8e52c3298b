"""A project with two small trained runs, made by the stages themselves."""

import importlib
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from deepsphere.config.configuration import check_configuration
from deepsphere.plan import Plan
from deepsphere.workers import Workers

CONFIGURATION = """
standalone: true
paths: {raw: data/raw, stores: data/stores, graphs: data/graphs, results: results, logs: logs}
sources:
  made-up: {kind: ghcn, years: [2010, 2010], simulate: {stations: 20, seed: 3}}
stores:
  maps:
    kind: ghcn
    source: made-up
    elements: [TMIN, TMAX]
    stations: {share: 0.8, period: train}
    split: {train: 0.6, validation: 0.1, test: 0.3}
graphs:
  near: {store: maps, neighbours: 4}
experiments:
  trial:
    title: Trial
    seeds: [0]
    tasks:
      next: {kind: forecast, store: maps, channels: [TMIN, TMAX], window: 3}
      season: {kind: day-of-year, store: maps, channels: [TMAX, TMIN]}
    base:
      protocol: sound
      graph: near
      training: {epochs: 2, batch_size: 64, learning_rate: 0.01, device: cpu}
    variants:
      dense:
        title: Dense
        task: next
        model: {kind: dense-regressor, kernel_size: 3, widths: [4]}
      global:
        title: Global
        task: season
        model: {kind: global-regressor, kernel_size: 2, widths: [4]}
"""


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project that ran to its evaluations. Leave it as it is."""
    folder = tmp_path_factory.mktemp("finished") / "project"
    folder.mkdir()
    plan = Plan(check_configuration(yaml.safe_load(CONFIGURATION)))
    jobs = [
        ("fetch", plan.fetch("made-up")),
        ("store", plan.store("maps")),
        ("graph", plan.graph("near")),
    ]
    for variant in ("dense", "global"):
        jobs += [("train", plan.train("trial", variant, 0))]
        jobs += [("evaluate", plan.evaluate("trial", variant, 0))]
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage, job in jobs:
            how = (Workers(),) if stage == "store" else ()
            importlib.import_module(f"deepsphere.stages.{stage}").run(job.settings, *how)
    torch.set_num_threads(threads)
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """Return the folder of a finished project of the test's own."""
    return Path(shutil.copytree(finished, tmp_path / "project"))
