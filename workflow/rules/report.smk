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
        "python -m deepsphere report --settings {params.settings:q} > {log:q} 2>&1"
