"""Using a trained model: :mod:`~deepsphere.inference.trained` takes it from a run's folder, ready
to predict, :mod:`~deepsphere.inference.exports` writes it in forms that other programs read."""
