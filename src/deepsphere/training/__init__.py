"""Training: a visible loop on Lightning Fabric.

:mod:`~.loop` is read from top to bottom: epochs, checkpoints, selection. A step is in
:mod:`~.learner`, batches come from :mod:`~.loader`, the loss from :mod:`~.objectives` and
:mod:`~.losses`, its weight changes from :mod:`~.optimizers`, :mod:`~.schedules` and
:mod:`~.averaging`. :mod:`~.checkpoint` and :mod:`~.progress` are what a run goes on from,
:mod:`~.reporting` what is seen of it, :mod:`~.diagnosis` and :mod:`~.checks` what is said of data
and numbers that are not finite, :mod:`~.record` what is kept for the use of the model and
:mod:`~.models` how it is made again from that. :mod:`~.prediction` applies models,
:mod:`~.range_test` looks for a learning rate (:mod:`~.learning_rate_finder`), and
:mod:`~.devices` knows where all this runs.
"""
