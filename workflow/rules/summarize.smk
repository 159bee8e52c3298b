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
        mem_mb=memory("summarize", 1000),
        runtime=minutes("summarize", 10),
    params:
        settings=settings("summarize"),
    message:
        "Gather the results of {wildcards.experiment} in one table"
    shell:
        "exec python -m deepsphere summarize --settings {params.settings:q} > {log:q} 2>&1"
