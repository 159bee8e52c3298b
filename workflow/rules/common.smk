# What the rules share: they ask the plan for the settings and the code of their stages.
#
# - `settings` is the only parameter of each, made of builtin types, so that Snakemake compares it as
#   a whole: a stage is stale when its slice of the configuration changed, and only then;
# - `code` lists the source files that the stage runs, all the way down its imports. They are small,
#   so Snakemake compares their checksums: editing one makes exactly the steps stale that use it,
#   touching or checking out makes none;
# - a command begins with `exec`, so that the signal before the end of a job reaches the stage itself,
#   which then keeps what it has.
#
# Downstream rules take manifests as input, never folders: a folder rebuilt with the same content
# has the same manifest.

import os
import sys
from contextlib import ExitStack
from pathlib import Path

# The package of this folder, whichever is installed: its files are the inputs of the rules.
sys.path.insert(0, str(Path(workflow.basedir, "src")))

from deepsphere.config.configuration import load_configuration
from deepsphere.errors import DeepsphereError
from deepsphere.locks import find_writer, only_writer
from deepsphere.plan import Plan
from deepsphere.provenance import source_files
from deepsphere.registry import load
from deepsphere.slurm import MEMORY, TIME, cancel_jobs, doublings, had_jobs, note_jobs

# The commands run in the environment that runs Snakemake (or in the rule's own, where Snakemake is
# told to deploy it), with the package of this folder.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
    PYTHONPATH=str(Path(workflow.basedir, "src")),
)

NAME = "[A-Za-z0-9][A-Za-z0-9_-]*"

# The files given on the command line are laid over config/config.yaml here and not by Snakemake,
# whose way of merging would mix the settings of two kinds.
try:
    PLAN = Plan(
        load_configuration(
            workflow.config_settings.configfiles, workflow.config_settings.config
        )
    )
except DeepsphereError as error:
    raise WorkflowError(str(error)) from None
PATHS = PLAN.configuration.paths
ACROSS_NODES = PLAN.configuration.dask.cluster == "slurm"


def job(stage, wildcards):
    """Return the job of a stage that the wildcards name."""
    names = {
        "fetch": ["source"],
        "store": ["store"],
        "graph": ["graph"],
        "train": ["experiment", "variant", "seed"],
        "evaluate": ["experiment", "variant", "seed"],
        "baseline": ["experiment", "task"],
        "summarize": ["experiment"],
        "report": [],
    }[stage]
    values = [getattr(wildcards, name) for name in names]
    values = [
        int(value) if name == "seed" else value for name, value in zip(names, values)
    ]
    try:
        return getattr(PLAN, stage)(*values)
    except DeepsphereError as error:
        raise WorkflowError(str(error)) from None


def settings(stage):
    """Return a function that gives the settings of a stage, for `params`."""
    return lambda wildcards: job(stage, wildcards).settings


def manifest(stage, key):
    """Return a function that gives a path in the settings of a stage, if it is there, for `input`."""
    return lambda wildcards: job(stage, wildcards).settings.get(key, [])


def code(stage):
    """Return a function that gives the source files of a stage, for `input`."""
    return lambda wildcards: [
        os.path.relpath(path) for path in source_files(job(stage, wildcards).modules)
    ]


def memory(stage, megabytes):
    """Return a function that asks for memory, twice as much each time that it was too little."""
    return lambda wildcards: megabytes * 2 ** doublings(stage, list(wildcards), MEMORY)


def minutes(stage, number):
    """Return a function that asks for time, twice as much each time that it was too little.

    Stages that go on where they stopped ask for the same again, which any partition grants.
    """
    return lambda wildcards: number * 2 ** doublings(stage, list(wildcards), TIME)


def memory_of_graph(wildcards):
    """Return the memory of graphs: 60 bytes for each pixel and neighbour, and some for itself."""
    graph = job("graph", wildcards).settings["graph"]
    kind, _, parameters = (graph["sampling"] or "").partition(":")
    pixels = len(load("samplings", kind).parse(parameters)) if kind else 0
    edges = pixels * graph["neighbours"]
    return memory("graph", 2000 + 60 * edges // 10**9 * 1000)(wildcards)


def cores_of_store(wildcards):
    """Return the cores of a store: here, all there are for meshes, which each take long."""
    is_long = "memory_limit" in job("store", wildcards).settings["store"]
    return workflow.cores if is_long and workflow.local_exec else 2


def memory_of_store(wildcards):
    """Return the memory of a store: for meshes, what each process may take and some for itself."""
    limit = job("store", wildcards).settings["store"].get("memory_limit")
    needed = 4000 if limit is None else 1000 + cores_of_store(wildcards) * limit
    return memory("store", needed)(wildcards)


def memory_of_each_core(wildcards):
    """Return the memory of each core of a store that is made by several tasks, else 0."""
    cores = cores_of_store(wildcards)
    return memory_of_store(wildcards) // cores if ACROSS_NODES else 0


def training(name):
    """Return a function that gives a setting of a run's training."""
    return lambda wildcards: job("train", wildcards).settings["training"][name]


def gpus(wildcards):
    """Return the number of GPUs of a run that trains on one machine."""
    training = job("train", wildcards).settings["training"]
    on_several = training["nodes"] > 1
    return 0 if on_several or training["device"] == "cpu" else training["devices"]


def gpus_of_each_node(wildcards):
    """Return the GPUs of a run that trains on several machines, as Slurm writes them."""
    training = job("train", wildcards).settings["training"]
    on_one = training["nodes"] == 1
    return "" if on_one or training["device"] == "cpu" else f"gpu:{training['devices']}"


def tasks_of_training(wildcards):
    """Return the tasks of a training: one a node, where no GPUs say it (they would multiply it)."""
    training = job("train", wildcards).settings["training"]
    return training["nodes"] if training["device"] == "cpu" else 0


def gpus_of_evaluation(wildcards):
    """Return the number of GPUs of an evaluation."""
    return int(job("evaluate", wildcards).settings["device"] != "cpu")


HELD = ExitStack()


def begin():
    """Take this folder for this call of Snakemake, and end the jobs that a killed one left.

    The hold ends with the process, however that ends. A job that was left in the queue of a cluster
    would write what is about to be submitted again.
    """
    caller = Path(".snakemake", "caller")
    try:
        HELD.enter_context(only_writer(caller))
    except (DeepsphereError, OSError) as error:
        owner = find_writer(caller)
        raise WorkflowError(
            f"Snakemake runs in this folder already: {owner or error}"
        ) from None
    if had_jobs(Path.cwd()):
        try:
            left = cancel_jobs(Path.cwd())
        except DeepsphereError as error:
            if not workflow.local_exec:
                raise WorkflowError(str(error)) from None
            logger.warning(f"{error}; if jobs of this folder still run, cancel them")
            return
        for cancelled in left:
            logger.warning(
                f"Cancelled the Slurm job {cancelled.number} ({cancelled.comment}, "
                f"{cancelled.state}) of an earlier call that was killed."
            )
    if not workflow.local_exec:
        note_jobs(Path.cwd())


def results_of_experiment(wildcards):
    """Return all that the table of an experiment is made of."""
    plan = job("summarize", wildcards).settings
    evaluations = [
        path for row in plan["variants"].values() for path in row["evaluations"]
    ]
    tasks = plan["tasks"].values()
    stores = {task["store_manifest"] for task in tasks}
    return [*evaluations, *(task["baselines"] for task in tasks), *sorted(stores)]


def tables_and_evaluations(wildcards):
    """Return all that the report is made of."""
    experiments = job("report", wildcards).settings["experiments"].values()
    evaluations = [
        path
        for plan in experiments
        for paths in plan["evaluations"].values()
        for path in paths
    ]
    curves = [str(Path(path).with_name("history.jsonl")) for path in evaluations]
    baselines = [path for plan in experiments for path in plan["baselines"].values()]
    return [
        *(plan["metrics"] for plan in experiments),
        *evaluations,
        *curves,
        *baselines,
    ]


def print_status():
    """Print what failed and why, and what is left to do."""
    files = workflow.config_settings.configfiles
    options = [part for path in files for part in ("--config", str(path))]
    shell("python -m deepsphere status {options:q} || true")


def print_tables():
    """Print the tables that stand, once everything that was asked for is done."""
    tables = [PLAN.metrics(name) for name in PLAN.configuration.experiments]
    finished = [path for path in tables if Path(path).exists()]
    if finished:
        shell("python -m deepsphere table {finished:q}")
