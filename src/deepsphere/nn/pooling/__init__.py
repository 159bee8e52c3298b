"""From the pixels of one level to those of another.

:mod:`~deepsphere.nn.pooling.reduction` pools from a level to the next coarser one and
:mod:`~deepsphere.nn.pooling.expansion` goes back, both without anything learned;
:mod:`~deepsphere.nn.pooling.strided` does both with learned weights.
:mod:`~deepsphere.nn.pooling.remap` goes from any sampling to any other.
:mod:`~deepsphere.nn.pooling.nested` has what is special to HEALPix in nested order.
"""
