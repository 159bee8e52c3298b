"""Tasks: what is predicted from what, how it is scored, and what it is compared with.

One module a kind of task, found by its name: :mod:`~deepsphere.tasks.forecast` (one value a pixel,
the next map) and :mod:`~deepsphere.tasks.day_of_year` (one value a map). Both are regressions and
share :mod:`~deepsphere.tasks.regression` (metrics), :mod:`~deepsphere.tasks.samples` (what a task
hands to training and evaluation), :mod:`~deepsphere.tasks.linear` (linear baselines) and
:mod:`~deepsphere.tasks.settings`.
"""
