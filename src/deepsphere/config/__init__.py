"""The configuration: what may be said in the YAML files, checked before anything runs.

:mod:`~deepsphere.config.configuration` reads and checks the whole; the other modules hold one
section each. Stages never import the whole: they get their slice from :mod:`deepsphere.plan`.
"""
