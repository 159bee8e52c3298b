"""Trainings in processes of their own, as the tests start them: ``python program.py what folder``.

They run the small forecast of ``conftest.py`` and leave their outcome in ``folder``.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from conftest import (
    CountedSamples,
    Small,
    forecast_samples,
    outcome_of,
    run_training,
    training,
)
from deepsphere.errors import DeepsphereError
from deepsphere.training import loop
from deepsphere.training.devices import is_first_process, open_fabric, other_processes_may_end

KILLS = 20


def kill(folder):
    """Train in noise undisturbed, and once more while being killed again and again."""
    settings = training(
        epochs=40,
        optimizer="adam",
        schedule="cosine",
        schedule_unit="step",
        warmup=20,
        average=0.9,
        accumulate=2,
        batch_size=6,
        select="best",
        monitor_every=3,
    )
    # A checkpoint a step, so that many kills hit the writing of one.
    loop.CHECKPOINT_SECONDS = 0
    samples = forecast_samples(noise=0.3)
    whole = outcome_of(folder / "whole", *run_training(folder / "whole", settings, samples=samples))
    random = np.random.default_rng(0)
    places = []
    for _ in range(KILLS):
        pause = random.uniform(0, 0.03)
        _kill_after(random.integers(6), pause, folder / "killed", settings, samples)
        content = torch.load(folder / "killed/checkpoint.pt", weights_only=True)
        places.append([content["epoch"], content["batch"]])
    resumed = outcome_of(
        folder / "killed", *run_training(folder / "killed", settings, samples=samples)
    )
    (folder / "outcomes.json").write_text(json.dumps([whole, resumed, places]))


def _kill_after(checkpoints, seconds, folder, settings, samples):
    """Train in a child process, and kill it some time after so many checkpoints."""
    path = folder / "checkpoint.pt"
    child = os.fork()
    if child == 0:
        # Its own lock of the progress bars: the one it inherits is shared with all its siblings,
        # and who is killed while holding it never gives it back.
        tqdm.set_lock(threading.RLock())
        run_training(folder, settings, samples=samples)
        os._exit(0)
    seen = -1 if path.exists() else -2
    before = None
    while seen < checkpoints:
        time.sleep(0.001)
        now = path.stat().st_mtime_ns if path.exists() else None
        seen += now != before
        before = now
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError("the training ended before it was killed")


def distributed(folder):
    """Train once a case of ``folder/cases.json``, on as many processes as its settings say."""
    results = {}
    for name, case in json.loads((folder / "cases.json").read_text()).items():
        normalization, bad = case.pop("normalization"), case.pop("bad", False)
        samples = forecast_samples(noise=case.pop("noise", 0.0))
        if case.pop("bad_validation", False):
            # A gap in the last window of the validation samples, which the second process reads.
            samples.values[samples.splits["validation"][-1] // 2, 2, 1] = np.nan
            samples.fill[2, 1] = np.inf
        if bad:
            # A gap that is filled with infinity, in the first window of all.
            samples.values[0, 2, 0] = np.nan
            samples.fill[2, 0] = np.inf
        model, progress = run_training(
            folder / name,
            training(**case),
            samples=samples,
            build=lambda normalization=normalization: Small(normalization),
        )
        weights = {key: value.tolist() for key, value in model.state_dict().items()}
        results[name] = {"history": progress.history, "weights": weights}
    if is_first_process():
        (folder / "results.json").write_text(json.dumps(results))


def threads(folder):
    """Write down the threads that each process is left with when the training begins."""
    torch.set_num_threads(3)
    devices = int((folder / "devices").read_text())
    fabric = open_fabric(training(devices=devices))
    (folder / f"threads-{fabric.global_rank}").write_text(str(torch.get_num_threads()))


def one_after_two(folder):
    """Train on two processes, and then in the first of them on one."""
    others = {"epochs": 1, "monitor_every": 1, "batch_size": 9}
    run_training(folder / "two", training(devices=2, **others))
    if is_first_process():
        run_training(folder / "one", training(**others))
        (folder / "done").touch()


def one_fails(folder):
    """Train on two processes, of which the second cannot read its samples after a while."""
    samples = forecast_samples()
    first = is_first_process()

    def batch(numbers):
        if not first and len(samples.batches) > 3:
            raise DeepsphereError("the store is too short")
        return CountedSamples.batch(samples, numbers)

    object.__setattr__(samples, "batch", batch)
    try:
        with other_processes_may_end():
            run_training(folder, training(devices=2, batch_size=9), samples=samples)
    except DeepsphereError as error:
        (folder / ("first" if first else "second")).write_text(str(error))
        sys.exit(1)


if __name__ == "__main__":
    torch.set_num_threads(1)
    programs = (kill, distributed, threads, one_after_two, one_fails)
    {program.__name__: program for program in programs}[sys.argv[1]](Path(sys.argv[2]))
