"""Whole networks, one module a kind, found by its name in the configuration."""
