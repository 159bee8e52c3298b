"""Ranked lists of a trained run, as the files that the program of SHREC'17 scores.

They are made from what an evaluation keeps, and need neither the store nor the model. The files
are described in :mod:`deepsphere.tasks.retrieval_files`.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepsphere.errors import DeepsphereError
from deepsphere.files import read_json, sha256_file
from deepsphere.tasks.ranking import Ranking, rank
from deepsphere.tasks.retrieval_files import DATASETS, write_lists
from deepsphere.tasks.votes import vote

_NEEDED = {"score": (), "nearest": ("descriptors",), "thresholds": ("descriptors", "thresholds")}
"""What each ranking takes, beside probabilities and names."""


def write_run_lists(run: Path, folder: Path, dataset: str = "test_perturbed") -> int:
    """Write what a run retrieves for each test object, ranked as its task says.

    Parameters
    ----------
    run : Path
        Folder of a classification with a seed, such as ``results/shrec17/sound/seed-0``. Copies of
        an object are taken together, by their mean, as they were for the scores.
    folder : Path
        The method's folder, which is replaced; see
        :func:`deepsphere.tasks.retrieval_files.write_lists`.
    dataset : str
        One of :data:`deepsphere.tasks.retrieval_files.DATASETS`.

    Returns
    -------
    int
        Number of objects, each of which has a list.

    Raises
    ------
    DeepsphereError
        If there is no such data set, the run is not evaluated or is no classification, its
        predictions are not those that were scored, if names of objects cannot be those of files,
        or if the folder holds anything but lists.
    """
    if dataset not in DATASETS:
        raise DeepsphereError(
            f"lists: found {dataset!r}; the evaluator knows {', '.join(DATASETS)}"
        )
    _check_replaceable(folder)
    evaluation = read_json(run / "evaluation.json", "evaluation of the run")
    task = evaluation.get("task", {})
    if task.get("kind") != "classification":
        raise DeepsphereError(
            f"lists: {run} is no evaluated classification, but of the kind {task.get('kind')!r}; "
            "give the folder of one, such as results/shrec17/sound/seed-0"
        )
    ranking: Ranking = task["ranking"] if task["retrieval"] else "score"
    found = _predictions(run, evaluation, ("prediction", "id", *_NEEDED[ranking]))
    votes = vote(found["id"], found["prediction"], found.get("descriptors"))
    ids = found["id"][votes.first].tolist()
    lists = rank(ranking, votes.probabilities, ids, votes.descriptors, found.get("thresholds"))
    write_lists(folder, lists, ids, dataset)
    return len(ids)


def _check_replaceable(folder: Path) -> None:
    """Raise DeepsphereError if more than lists would be lost."""
    if folder.is_dir():
        kept = sorted(path.name for path in folder.iterdir() if path.name not in DATASETS)
    else:
        kept = [folder.name] if folder.exists() else []
    if kept:
        raise DeepsphereError(
            f"lists: {folder} is replaced as a whole, but it holds {kept[0]}, which is no folder "
            "of lists; name another one"
        )


def _predictions(
    run: Path, evaluation: dict[str, Any], names: tuple[str, ...]
) -> dict[str, NDArray[Any]]:
    """Return some arrays of the predictions that an evaluation promises."""
    promised = evaluation["predictions"]
    path = run / promised["file"]
    if not path.is_file() or sha256_file(path) != promised["sha256"]:
        raise DeepsphereError(
            f"lists: {path} is missing or is not what was scored; run the evaluate stage again"
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DeepsphereError(
            f"lists: {path} cannot be read ({error}); run the evaluate stage again"
        ) from None
