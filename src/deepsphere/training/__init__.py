"""Training: the loop, the optimizers, the checkpoints."""
