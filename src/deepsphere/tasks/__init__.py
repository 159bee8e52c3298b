"""Tasks: what is predicted from what, how it is scored, and what it is compared with.

One module a kind of task, found by its name: :mod:`~deepsphere.tasks.forecast` (one value a pixel,
the next map), :mod:`~deepsphere.tasks.day_of_year` (one value a map),
:mod:`~deepsphere.tasks.parameters` (some numbers a map),
:mod:`~deepsphere.tasks.classification` (one class a map) and
:mod:`~deepsphere.tasks.segmentation` (one class a pixel). They share
:mod:`~deepsphere.tasks.samples` (what a task hands to training and evaluation),
:mod:`~deepsphere.tasks.tally` (predictions until they are scored) and
:mod:`~deepsphere.tasks.settings`.

Regressions have their metrics in :mod:`~deepsphere.tasks.regression` and linear baselines in
:mod:`~deepsphere.tasks.linear`. Those that say numbers of a map have their samples in
:mod:`~deepsphere.tasks.parameter_samples` and their baselines in
:mod:`~deepsphere.tasks.parameter_baselines`.

A classification makes its samples in :mod:`~deepsphere.tasks.class_samples`, from what
:mod:`~deepsphere.tasks.labelled_store` finds in a store. It scores them in
:mod:`~deepsphere.tasks.class_scores`, with :mod:`~deepsphere.tasks.classification_metrics`,
:mod:`~deepsphere.tasks.votes` over copies of an object and, for retrieval,
:mod:`~deepsphere.tasks.ranking` and :mod:`~deepsphere.tasks.retrieval`. Its baselines are in
:mod:`~deepsphere.tasks.class_baselines`, and further ones of maps, from what the cosmology paper
compares with, in :mod:`~deepsphere.tasks.map_baselines`.

Both share :mod:`~deepsphere.tasks.map_samples`: maps are read and normalized, may have noise
(:mod:`~deepsphere.tasks.noise`), and may be answered for part by part.

A segmentation has its samples in :mod:`deepsphere.tasks.segmentation_samples`, which may be windows
of states (:mod:`~deepsphere.tasks.state_windows`) with weights of their classes
(:mod:`~deepsphere.tasks.class_weights`). What is said of them is larger than memory, so it is
counted batch by batch in :mod:`deepsphere.tasks.segmentation_tally`, for the metrics in
:mod:`~deepsphere.tasks.segmentation_metrics` and :mod:`~deepsphere.tasks.average_precision`; its
baselines are in :mod:`~deepsphere.tasks.segmentation_baselines`.
"""
