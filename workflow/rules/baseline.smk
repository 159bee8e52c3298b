rule baseline:
    input:
        code=code("baseline"),
        store=manifest("baseline", "store_manifest"),
    output:
        f"{PATHS.results}/{{experiment}}/baselines/{{task}}.json",
    log:
        f"{PATHS.logs}/baseline/{{experiment}}-{{task}}.log",
    benchmark:
        f"{PATHS.logs}/baseline/{{experiment}}-{{task}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("baseline", 4000),
        runtime=minutes("baseline", 960),
    params:
        settings=settings("baseline"),
    message:
        "Score the baselines of the task {wildcards.task} of {wildcards.experiment}"
    shell:
        "exec python -m deepsphere baseline --settings {params.settings:q} > {log:q} 2>&1"
