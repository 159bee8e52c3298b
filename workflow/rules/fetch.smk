# The raw files themselves are not outputs: Snakemake deletes outputs before a job starts, and these
# are large and resume. The manifest lists them with their digests, and what reads them checks it.
rule fetch:
    input:
        code=code("fetch"),
    output:
        manifest=f"{PATHS.raw}/{{source}}.json",
    log:
        f"{PATHS.logs}/fetch/{{source}}.log",
    benchmark:
        f"{PATHS.logs}/fetch/{{source}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("fetch", 2000),
        runtime=720,
    params:
        settings=settings("fetch"),
    message:
        "Fetch the raw files of {wildcards.source}"
    shell:
        "exec python -m deepsphere fetch --settings {params.settings:q} > {log:q} 2>&1"
