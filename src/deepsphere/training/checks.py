"""What is said of data that a model cannot be trained on or scored with."""

import numpy as np

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.samples import Samples


def check_split(samples: Samples, split: str) -> None:
    """Check that a split has samples.

    Raises
    ------
    DeepsphereError
        If it has none.
    """
    if not len(samples.splits[split]):
        raise DeepsphereError(
            f"training: found 0 {split} samples; take a store, or a split of it, that has some"
        )


def flaws_of(samples: Samples, number: int) -> str | None:
    """Return what of a sample's input and known target is not finite, or None.

    Returns
    -------
    str or None
        Such as ``sample 5 (2010-01-06) has 3 times nan in its input; mend it, or mark it as
        unknown``.
    """
    batch = samples.batch(np.array([number]))
    flaws = []
    for name, values in (("input", batch.inputs), ("target", batch.target[batch.known])):
        bad = values[~np.isfinite(values)]
        if len(bad):
            flaws.append(f"{len(bad)} times {bad[0]} in its {name}")
    if not flaws:
        return None
    found = " and ".join(flaws)
    return f"{sample_name(samples, number)} has {found}; mend it, or mark it as unknown"


def sample_name(samples: Samples, number: int) -> str:
    """Return how a sample is called, such as ``sample 5 (2010-01-06)``."""
    return f"sample {number} ({samples.name(number)})"
