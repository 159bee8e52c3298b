# What the rules share: they ask the plan for the settings and the code of their stages.
#
# - `settings` is the only parameter of each, made of builtin types, so that Snakemake compares it as
#   a whole: a stage is stale when its slice of the configuration changed, and only then;
# - `code` lists the source files that the stage runs, all the way down its imports. They are small,
#   so Snakemake compares their checksums: editing one makes exactly the steps stale that use it,
#   touching or checking out makes none.
#
# Downstream rules take manifests as input, never folders: a folder rebuilt with the same content
# has the same manifest.

import os
import sys
from pathlib import Path

# The package of this folder, whichever is installed: its files are the inputs of the rules.
sys.path.insert(0, str(Path(workflow.basedir, "src")))

from deepsphere.config.configuration import load_configuration
from deepsphere.errors import DeepsphereError
from deepsphere.plan import Plan
from deepsphere.provenance import source_files

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
    return [*(plan["metrics"] for plan in experiments), *evaluations, *curves]


def print_tables():
    """Print the tables that stand, once everything that was asked for is done."""
    tables = [PLAN.metrics(name) for name in PLAN.configuration.experiments]
    finished = [path for path in tables if Path(path).exists()]
    if finished:
        shell("python -m deepsphere table {finished:q}")
