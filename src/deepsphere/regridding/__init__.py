"""From other geometries to pixels of the sphere.

Fields on latitude-longitude grids or at points: :mod:`~deepsphere.regrid.build`. Meshes, seen along
rays from a sphere around them: :mod:`~deepsphere.regrid.projection`.
"""
