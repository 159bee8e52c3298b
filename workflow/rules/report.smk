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
        mem_mb=memory("report", 2000),
        runtime=minutes("report", 30),
    params:
        settings=settings("report"),
    message:
        "Draw the figures and write the report"
    shell:
        "exec python -m deepsphere report --settings {params.settings:q} > {log:q} 2>&1"
