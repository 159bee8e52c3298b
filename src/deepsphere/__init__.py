"""Graph convolutional networks on the sphere, from raw data to honest tables.

Import what you need from the subpackages: :mod:`deepsphere.samplings`, :mod:`deepsphere.graphs`,
:mod:`deepsphere.nn`, :mod:`deepsphere.stores`. This module imports nothing, so that a stage of the
pipeline depends on exactly the modules that it names.
"""
