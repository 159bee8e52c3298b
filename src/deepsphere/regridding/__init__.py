"""From other geometries to pixels of the sphere.

Fields on latitude-longitude grids or at points: :mod:`~deepsphere.regridding.build`. Meshes, seen
along rays from a sphere around them: :mod:`~deepsphere.regridding.projection`.
"""
