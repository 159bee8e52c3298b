# What the rules share. A rule asks the plan for the settings and the code of its stage:
#
# - `settings` is the rule's only parameter, made of builtin types, so that Snakemake compares it as
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

from deepsphere.config.configuration import check_configuration
from deepsphere.errors import DeepsphereError
from deepsphere.plan import Plan
from deepsphere.provenance import source_files

# The commands run in the environment that runs Snakemake (or in the rule's own, where Snakemake is
# told to deploy it), with the package of this folder.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
os.environ["PYTHONPATH"] = str(Path(workflow.basedir, "src"))

NAME = "[A-Za-z0-9][A-Za-z0-9._-]*"

try:
    PLAN = Plan(check_configuration(config))
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
    values = [int(value) if name == "seed" else value for name, value in zip(names, values)]
    try:
        return getattr(PLAN, stage)(*values)
    except DeepsphereError as error:
        raise WorkflowError(str(error)) from None


def settings(stage):
    """Return a function that gives the settings of a stage, for `params`."""
    return lambda wildcards: job(stage, wildcards).settings


def manifest(stage, key):
    """Return a function that gives a path in the settings of a stage, for `input`."""
    return lambda wildcards: job(stage, wildcards).settings[key]


def code(stage):
    """Return a function that gives the source files of a stage, for `input`."""
    return lambda wildcards: [
        os.path.relpath(path) for path in source_files(job(stage, wildcards).modules)
    ]
