"""From the configuration to the commands: for every stage its settings, inputs and outputs.

The Snakefile and the command line both ask here, so that a stage run by hand does what the same
stage does in the DAG. Settings are plain data (``dict``, ``list``, ``str``, numbers): the slice of
the configuration that decides the content of the stage's outputs, plus the paths it reads and
writes. What a stage does not use is not in its slice, so changing it leaves the stage alone.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from deepsphere.config.configuration import Configuration
from deepsphere.errors import DeepsphereError
from deepsphere.registry import module_name


@dataclass(frozen=True)
class Job:
    """One run of a stage.

    Attributes
    ----------
    settings : dict
        What the stage's function is called with; builtin types only.
    modules : tuple of str
        Names of the modules that the stage starts from; what they import belongs to it too.
    """

    settings: dict[str, Any]
    modules: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """The jobs of a configuration."""

    configuration: Configuration

    def fetch(self, source: str) -> Job:
        """Return the job that fetches, or simulates, the raw files of a source."""
        settings = _find("source", source, self.configuration.sources)
        part = "simulator" if settings.simulate else "raw"
        return Job(
            settings={
                "source": {"name": source, **_plain(settings)},
                "folder": self._raw(source),
                "manifest": f"{self._raw(source)}.json",
            },
            modules=("deepsphere.stages.fetch", module_name("sources", settings.kind, part)),
        )

    def store(self, store: str) -> Job:
        """Return the job that makes a store of raw files."""
        settings = _find("store", store, self.configuration.stores)
        source = self.configuration.sources[settings.source]
        return Job(
            settings={
                "name": store,
                "store": _plain(settings),
                "source": source.reading(),
                "raw": self._raw(settings.source),
                "raw_manifest": f"{self._raw(settings.source)}.json",
                "folder": self._store(store),
                "manifest": f"{self._store(store)}.json",
            },
            modules=(
                "deepsphere.stages.store",
                module_name("sources", settings.kind, "samples"),
                *_sampling_modules(settings),
            ),
        )

    def graph(self, graph: str) -> Job:
        """Return the job that builds a graph."""
        settings = _find("graph", graph, self.configuration.graphs)
        if settings.store is not None:
            # The store's own sampling, if it has one: the graph need not wait for the samples.
            sampling = getattr(self.configuration.stores[settings.store], "sampling", None)
            if sampling is not None:
                settings = settings.model_copy(update={"store": None, "sampling": sampling})
        modules: tuple[str, ...] = ("deepsphere.stages.graph",)
        inputs = {}
        if settings.sampling is not None:
            kind, _, _ = settings.sampling.partition(":")
            modules += (module_name("samplings", kind),)
        else:
            inputs = {
                "store": self._store(settings.store),
                "store_manifest": f"{self._store(settings.store)}.json",
            }
        return Job(
            settings={
                "name": graph,
                "graph": _plain(settings),
                **inputs,
                "folder": self._graph(graph),
                "manifest": f"{self._graph(graph)}.json",
            },
            modules=modules,
        )

    def train(self, experiment: str, variant: str, seed: int) -> Job:
        """Return the job that trains a variant with a seed."""
        return Job(
            settings={
                **self._run(experiment, variant, seed),
                "task": self._task(experiment, variant).training_settings(),
                "training": _plain(self._variant(experiment, variant).training),
            },
            modules=("deepsphere.stages.train", *self._run_modules(experiment, variant)),
        )

    def evaluate(self, experiment: str, variant: str, seed: int) -> Job:
        """Return the job that evaluates a trained run on the test samples."""
        settings = self._run(experiment, variant, seed)
        return Job(
            settings={
                **settings,
                "training_task": self._task(experiment, variant).training_settings(),
                "device": self._variant(experiment, variant).training.device,
                "evaluation": f"{settings['folder']}/evaluation.json",
                "predictions": f"{settings['folder']}/predictions.npz",
                "filters": f"{settings['folder']}/filters.npz",
            },
            modules=("deepsphere.stages.evaluate", *self._run_modules(experiment, variant)),
        )

    def baseline(self, experiment: str, task: str) -> Job:
        """Return the job that evaluates the baselines of a task."""
        tasks = _find("experiment", experiment, self.configuration.experiments).tasks
        settings = _find("task", task, tasks)
        return Job(
            settings={
                "experiment": experiment,
                "name": task,
                "task": settings.scoring_settings(),
                "store": self._store(settings.store),
                "store_manifest": f"{self._store(settings.store)}.json",
                "output": self._baseline(experiment, task),
            },
            modules=("deepsphere.stages.baseline", module_name("tasks", settings.kind)),
        )

    def summarize(self, experiment: str) -> Job:
        """Return the job that gathers the results of an experiment."""
        settings = _find("experiment", experiment, self.configuration.experiments)
        variants = {}
        for name, variant in settings.variants.items():
            variants[name] = {
                "title": variant.title,
                "protocol": variant.protocol,
                "task": variant.task,
                "graph": variant.graph,
                "model": _plain(variant.model),
                "published": _plain(variant.published) if variant.published else None,
                "evaluations": [
                    f"{self._seed(experiment, name, seed)}/evaluation.json"
                    for seed in settings.seeds
                ],
            }
        tasks = {
            name: {
                "title": task.title,
                "store": task.store,
                "store_manifest": f"{self._store(task.store)}.json",
                "baselines": self._baseline(experiment, name),
                "published": {
                    baseline: _plain(published) for baseline, published in task.published.items()
                },
            }
            for name, task in settings.tasks.items()
            if any(variant.task == name for variant in settings.variants.values())
        }
        return Job(
            settings={
                "name": experiment,
                "title": settings.title,
                "tasks": tasks,
                "variants": variants,
                "metrics": self.metrics(experiment),
            },
            modules=("deepsphere.stages.summarize",),
        )

    def report(self) -> Job:
        """Return the job that draws the figures and writes the report of all experiments."""
        paths = self.configuration.paths
        experiments = {
            name: {
                "metrics": self.metrics(name),
                "evaluations": {
                    variant: row["evaluations"]
                    for variant, row in self.summarize(name).settings["variants"].items()
                },
                "stores": {
                    task: self._store(settings.store)
                    for task, settings in experiment.tasks.items()
                    if settings.shows_samples
                },
                "baselines": {
                    task: settings["baselines"]
                    for task, settings in self.summarize(name).settings["tasks"].items()
                },
            }
            for name, experiment in self.configuration.experiments.items()
        }
        return Job(
            settings={
                "experiments": experiments,
                "figures": f"{paths.results}/figures",
                "report": f"{paths.results}/report.html",
            },
            modules=("deepsphere.stages.report",),
        )

    def metrics(self, experiment: str) -> str:
        """Return the path of an experiment's table."""
        return f"{self.configuration.paths.results}/{experiment}/metrics.json"

    def _run(self, experiment: str, variant: str, seed: int) -> dict[str, Any]:
        settings = self._variant(experiment, variant)
        seeds = self.configuration.experiments[experiment].seeds
        if seed not in seeds:
            listed = ", ".join(map(str, seeds))
            raise DeepsphereError(f"{experiment} has no seed {seed}; its seeds are {listed}")
        task = self._task(experiment, variant)
        folder = self._seed(experiment, variant, seed)
        return {
            "experiment": experiment,
            "variant": variant,
            "seed": seed,
            "task": task.scoring_settings(),
            "model": _plain(settings.model),
            "store": self._store(task.store),
            "store_manifest": f"{self._store(task.store)}.json",
            "graph": self._graph(settings.graph),
            "graph_manifest": f"{self._graph(settings.graph)}.json",
            "folder": folder,
            "manifest": f"{folder}/training.json",
        }

    def _run_modules(self, experiment: str, variant: str) -> tuple[str, ...]:
        settings = self._variant(experiment, variant)
        task = self._task(experiment, variant)
        return module_name("tasks", task.kind), module_name("models", settings.model.kind)

    def _variant(self, experiment: str, variant: str) -> Any:
        variants = _find("experiment", experiment, self.configuration.experiments).variants
        return _find(f"variant of {experiment}", variant, variants)

    def _task(self, experiment: str, variant: str) -> Any:
        task = self._variant(experiment, variant).task
        return self.configuration.experiments[experiment].tasks[task]

    def _raw(self, source: str) -> str:
        return str(PurePosixPath(self.configuration.paths.raw, source))

    def _store(self, store: str) -> str:
        return str(PurePosixPath(self.configuration.paths.stores, store))

    def _graph(self, graph: str) -> str:
        return str(PurePosixPath(self.configuration.paths.graphs, graph))

    def _seed(self, experiment: str, variant: str, seed: int) -> str:
        results = self.configuration.paths.results
        return str(PurePosixPath(results, experiment, variant, f"seed-{seed}"))

    def _baseline(self, experiment: str, task: str) -> str:
        results = self.configuration.paths.results
        return str(PurePosixPath(results, experiment, "baselines", f"{task}.json"))


def _sampling_modules(store: Any) -> tuple[str, ...]:
    """Return the module of the sampling that a store names; stations bring their own."""
    sampling = getattr(store, "sampling", None)
    return () if sampling is None else (module_name("samplings", sampling.partition(":")[0]),)


def _plain(settings: Any) -> dict[str, Any]:
    plain: dict[str, Any] = settings.model_dump(mode="json")
    return plain


def _find(what: str, name: str, known: dict[str, Any]) -> Any:
    if name not in known:
        listed = ", ".join(known)
        raise DeepsphereError(f"there is no {what} {name!r}; the configuration has {listed}")
    return known[name]
