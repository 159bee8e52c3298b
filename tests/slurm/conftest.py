"""One Slurm cluster for all tests that leave it as it was, and more for those that do not."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

# Also a script's modules, which pytest would not find.
sys.path.insert(0, str(Path(__file__).parent))

from cluster import Cluster
from layout import missing_programs


@pytest.fixture(scope="session", autouse=True)
def slurm_is_installed() -> None:
    """Skip where Slurm is missing, but fail there if REQUIRE_SLURM is set."""
    missing = ", ".join(missing_programs())
    if missing and os.environ.get("REQUIRE_SLURM"):
        pytest.fail(f"REQUIRE_SLURM is set, and these programs are missing: {missing}")
    if missing:
        pytest.skip(f"needs apt-get install slurmctld slurmd slurm-client munge ({missing})")


@pytest.fixture(scope="session")
def make_cluster(slurm_is_installed: None) -> Iterator[Callable[[], Cluster]]:
    """Return a function that starts a new cluster, which is stopped after all tests."""
    with ExitStack() as stack:

        def make() -> Cluster:
            # A short name, which pytest's folders have not.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-"))
            return stack.enter_context(Cluster(Path(folder)))

        yield make


@pytest.fixture(scope="session")
def cluster(make_cluster: Callable[[], Cluster]) -> Cluster:
    """Return a cluster that runs. Revive the nodes that you kill or drain."""
    return make_cluster()
