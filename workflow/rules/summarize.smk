def results_of_experiment(wildcards):
    """Return all that the table of an experiment is made of."""
    plan = job("summarize", wildcards).settings
    evaluations = [path for row in plan["variants"].values() for path in row["evaluations"]]
    tasks = plan["tasks"].values()
    stores = {task["store_manifest"] for task in tasks}
    return [*evaluations, *(task["baselines"] for task in tasks), *sorted(stores)]


rule summarize:
    input:
        code=code("summarize"),
        results=results_of_experiment,
    output:
        f"{PATHS.results}/{{experiment}}/metrics.json",
    log:
        f"{PATHS.logs}/summarize/{{experiment}}.log",
    benchmark:
        f"{PATHS.logs}/summarize/{{experiment}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime="10m",
    params:
        settings=settings("summarize"),
    message:
        "Gather the results of {wildcards.experiment} in one table"
    shell:
        "python -m deepsphere summarize --settings {params.settings:q} > {log} 2>&1"
