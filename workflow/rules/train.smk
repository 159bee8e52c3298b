# The checkpoint is not an output, so that it survives a killed job: the next one goes on from it if
# nothing that decides the numbers has changed, and starts afresh if something has.
rule train:
    input:
        code=code("train"),
        store=manifest("train", "store_manifest"),
        graph=manifest("train", "graph_manifest"),
    output:
        manifest=f"{PATHS.results}/{{experiment}}/{{variant}}/seed-{{seed}}/training.json",
        model=f"{PATHS.results}/{{experiment}}/{{variant}}/seed-{{seed}}/model.pt",
        history=f"{PATHS.results}/{{experiment}}/{{variant}}/seed-{{seed}}/history.jsonl",
    log:
        f"{PATHS.logs}/train/{{experiment}}-{{variant}}-seed-{{seed}}.log",
    benchmark:
        f"{PATHS.logs}/train/{{experiment}}-{{variant}}-seed-{{seed}}.tsv"
    conda:
        "../../environment.yml"
    threads: training("devices")
    resources:
        mem_mb=memory("train", 4000),
        cpus_per_task=training("devices"),
        tasks=tasks_of_training,
        runtime=720,
        gpu=gpus,
        gres=gpus_of_each_node,
        nodes=training("nodes"),
    params:
        settings=settings("train"),
    message:
        "Train {wildcards.variant} of {wildcards.experiment} with seed {wildcards.seed}"
    shell:
        "exec python -m deepsphere train --threads {resources.cpus_per_task} --settings {params.settings:q} > {log:q} 2>&1"
