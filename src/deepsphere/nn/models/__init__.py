"""Whole networks, one module a kind.

The configuration (:mod:`deepsphere.config.models`) names two of them: ``dense-regressor`` for one
value a pixel, and ``global-regressor`` for one value a map. All others are made in Python, from a
:class:`~deepsphere.nn.hierarchy.GraphHierarchy`:

============================================= ======================================================
:class:`~.dense_regressor.DenseRegressor`     one value a pixel, on one level
:class:`~.unet.UNet`                          some numbers or classes a pixel, seen at all scales
:class:`~.global_regressor.GlobalRegressor`   one value a map, on one level
:class:`~.classifier.Classifier`              one class a map, or some numbers, seen at all scales
:class:`~.planar_classifier.PlanarClassifier` the same of a patch of HEALPix, as a flat image
:class:`~.auto_encoder.AutoEncoder`           the map itself, after a code
:class:`~.recurrent.Recurrent`                some numbers a pixel, of maps over time, on one level
:class:`~.recurrent_unet.RecurrentUNet`       the same, seen at all scales
============================================= ======================================================

On a part of a sphere that was padded, all of them take padding for zeros in every convolution, and
leave it out of pooling, batch statistics and heads; what they give there means nothing. Only
``PlanarClassifier`` refuses it.
"""
