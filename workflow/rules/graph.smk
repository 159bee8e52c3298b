rule graph:
    input:
        code=code("graph"),
        store=manifest("graph", "store_manifest"),
    output:
        folder=directory(f"{PATHS.graphs}/{{graph}}"),
        manifest=f"{PATHS.graphs}/{{graph}}.json",
    log:
        f"{PATHS.logs}/graph/{{graph}}.log",
    benchmark:
        f"{PATHS.logs}/graph/{{graph}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory_of_graph,
        runtime=minutes("graph", 60),
    params:
        settings=settings("graph"),
    message:
        "Build the graph {wildcards.graph}"
    shell:
        "exec python -m deepsphere graph --threads {threads} --settings {params.settings:q} > {log:q} 2>&1"
