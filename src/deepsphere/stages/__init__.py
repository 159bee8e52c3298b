"""Stages: one module each; reads its inputs, calls the library, publishes its outputs."""
