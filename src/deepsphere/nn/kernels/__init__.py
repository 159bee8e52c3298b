"""Fast products of a Laplacian with features, and what follows them.

Three modules compute the convolution and its gradients from the same arguments:
:mod:`~deepsphere.nn.kernels.compiled` on a CPU, with its loops in
:mod:`~deepsphere.nn.kernels.terms`, :mod:`~deepsphere.nn.kernels.vectors` and
:mod:`~deepsphere.nn.kernels.tiles`, and with :mod:`~deepsphere.nn.kernels.direct` where there is
little to compute; :mod:`~deepsphere.nn.kernels.gpu` on a GPU, with
:mod:`~deepsphere.nn.kernels.gpu_hop` and :mod:`~deepsphere.nn.kernels.neighbours`; and
:mod:`~deepsphere.nn.kernels.stock` anywhere, without numba and Triton.
:mod:`~deepsphere.nn.kernels.convolution_operators` chooses, and tells PyTorch.
"""
