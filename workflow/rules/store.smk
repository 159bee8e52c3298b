rule store:
    input:
        code=code("store"),
        raw=manifest("store", "raw_manifest"),
    output:
        folder=directory(f"{PATHS.stores}/{{store}}"),
        manifest=f"{PATHS.stores}/{{store}}.json",
    log:
        f"{PATHS.logs}/store/{{store}}.log",
    benchmark:
        f"{PATHS.logs}/store/{{store}}.tsv"
    conda:
        "../../environment.yml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime="4h",
    params:
        settings=settings("store"),
    message:
        "Read the raw files and write the store {wildcards.store}"
    shell:
        "python -m deepsphere store --threads {threads} --settings {params.settings:q} > {log:q} 2>&1"
