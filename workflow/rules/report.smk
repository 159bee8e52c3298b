def tables_and_evaluations(wildcards):
    """Return all that the report is made of."""
    experiments = job("report", wildcards).settings["experiments"].values()
    evaluations = [
        path for plan in experiments for paths in plan["evaluations"].values() for path in paths
    ]
    return [*(plan["metrics"] for plan in experiments), *evaluations]


rule report:
    input:
        code=code("report"),
        results=tables_and_evaluations,
    output:
        report=f"{PATHS.results}/report.html",
        figures=directory(f"{PATHS.results}/figures"),
    log:
        f"{PATHS.logs}/report/report.log",
    benchmark:
        f"{PATHS.logs}/report/report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime="30m",
    params:
        settings=settings("report"),
    message:
        "Draw the figures and write the report"
    shell:
        "python -m deepsphere report --settings {params.settings:q} > {log} 2>&1"
