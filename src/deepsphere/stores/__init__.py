"""Zarr stores of samples on one sampling: larger than memory, never half-written, checked.

:mod:`~deepsphere.stores.writer` makes a store of an xarray dataset and
:mod:`~deepsphere.stores.reader` gives its samples as fast as the disk does. Any other program
opens ``<store>/data.zarr`` with plain zarr or xarray. :mod:`~deepsphere.stores.description` says
what a dataset must hold, :mod:`~deepsphere.stores.inventory` what a store's digest is made of.
"""
