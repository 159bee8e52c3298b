"""Graph convolutional networks in PyTorch. Arrays are (batch, pixel, channel) everywhere.

:mod:`~deepsphere.nn.operator` holds a Laplacian, :mod:`~deepsphere.nn.chebyshev` the
convolution, :mod:`~deepsphere.nn.blocks` the layers around it, :mod:`~deepsphere.nn.models` whole
networks.
"""
