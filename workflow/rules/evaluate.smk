rule evaluate:
    input:
        code=code("evaluate"),
        store=manifest("evaluate", "store_manifest"),
        graph=manifest("evaluate", "graph_manifest"),
        run=manifest("evaluate", "manifest"),
    output:
        evaluation=f"{PATHS.results}/{{experiment}}/{{variant}}/seed-{{seed}}/evaluation.json",
        predictions=f"{PATHS.results}/{{experiment}}/{{variant}}/seed-{{seed}}/predictions.npz",
        filters=f"{PATHS.results}/{{experiment}}/{{variant}}/seed-{{seed}}/filters.npz",
    log:
        f"{PATHS.logs}/evaluate/{{experiment}}-{{variant}}-seed-{{seed}}.log",
    benchmark:
        f"{PATHS.logs}/evaluate/{{experiment}}-{{variant}}-seed-{{seed}}.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=memory("evaluate", 4000),
        runtime=minutes("evaluate", 60),
        gpu=gpus_of_evaluation,
    params:
        settings=settings("evaluate"),
    message:
        "Evaluate {wildcards.variant} of {wildcards.experiment} with seed {wildcards.seed}"
    shell:
        "exec python -m deepsphere evaluate --threads {threads} --settings {params.settings:q} > {log:q} 2>&1"
