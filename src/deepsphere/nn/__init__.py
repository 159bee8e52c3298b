"""Graph convolutional networks in PyTorch. Arrays are (batch, pixel, channel) everywhere.

==================  ===============================================================================
the convolution     :mod:`~.chebyshev` is the layer, :mod:`~.operator` holds its Laplacian,
                    :mod:`~.convolution` is what it computes and :mod:`~.reference` the same in its
                    most readable form; :mod:`~.bases` and :mod:`~.initialization` are its filters,
                    :mod:`~.kernels` the fast products
levels              :mod:`~.hierarchy` is what every model is made from, :mod:`~.building` builds
                    it on a sampling
around it           :mod:`~.normalization` (:mod:`~.synchronized` over several devices),
                    :mod:`~.dropout`, :mod:`~.pooling` and unpooling; :mod:`~.blocks` puts these
                    together, :mod:`~.recomputation` trains them in less memory
other layers        :mod:`~.statistics` of maps, :mod:`~.smoothing`, :mod:`~.attention` along
                    edges, :mod:`~.super_pixels` and their :mod:`~.positions`, :mod:`~.temporal`
whole networks      :mod:`~.models`, of :mod:`~.levels`, :mod:`~.wiring`, :mod:`~.padding` and
                    :mod:`~.dense`
under all of them   :mod:`~.constants`, which keep their digits
looking at them     :mod:`~.equivariance` (:mod:`~.band_limited`), :mod:`~.filters` and their
                    :mod:`~.sections`, :mod:`~.digest` of weights, :mod:`~.conversion` of others'
==================  ===============================================================================
"""
