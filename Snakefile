# From raw data to honest tables. Read from top to bottom: the configuration, the stages, `all`.
#
#   snakemake                                       everything in config/config.yaml
#   snakemake results/ghcn/metrics.json             the table of one experiment
#   snakemake --configfile mine.yaml                your settings laid over config/config.yaml
#   snakemake --configfile config/demo.yaml         a small, simulated experiment below demo/

from snakemake.utils import min_version

min_version("9.18")


include: "workflow/rules/common.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/store.smk"
include: "workflow/rules/graph.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/baseline.smk"
include: "workflow/rules/summarize.smk"
include: "workflow/rules/report.smk"


wildcard_constraints:
    source=NAME,
    store=NAME,
    graph=NAME,
    experiment=NAME,
    variant=NAME,
    task=NAME,
    seed="[0-9]+",


# Seconds of work: not worth a place in the queue of a cluster.
localrules:
    all,
    summarize,
    report,


rule all:
    default_target: True
    input:
        f"{PATHS.results}/report.html",


onstart:
    begin()


onsuccess:
    print_tables()


onerror:
    print_status()
