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
    threads: cores_of_store
    resources:
        cpus_per_task=cores_of_store,
        mem_mb=memory_of_store,
        mem_mb_per_cpu=memory_of_each_core,
        runtime=240,
        tasks=PLAN.configuration.dask.tasks if ACROSS_NODES else 1,
        dask_cluster=PLAN.configuration.dask.cluster,
    params:
        settings=settings("store"),
    message:
        "Read the raw files and write the store {wildcards.store}"
    shell:
        "exec python -m deepsphere store --threads {resources.cpus_per_task} --memory {resources.mem_mb}"
        " --cluster {resources.dask_cluster:q} --tasks {resources.tasks}"
        " --settings {params.settings:q} > {log:q} 2>&1"
