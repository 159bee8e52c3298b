"""Graph convolutional networks in PyTorch. Arrays are (batch, pixel, channel) everywhere.

:mod:`~deepsphere.nn.operator` holds a Laplacian, :mod:`~deepsphere.nn.chebyshev` the layer,
:mod:`~deepsphere.nn.convolution` what it computes and :mod:`~deepsphere.nn.reference` the same in
its most readable form, :mod:`~deepsphere.nn.bases` and :mod:`~deepsphere.nn.initialization` the
filters. :mod:`~deepsphere.nn.normalization` and :mod:`~deepsphere.nn.pooling` are what follows a
convolution in the blocks of :mod:`~deepsphere.nn.blocks`, of which :mod:`~deepsphere.nn.models`
makes networks. :mod:`~deepsphere.nn.kernels` has the fast products.
"""
