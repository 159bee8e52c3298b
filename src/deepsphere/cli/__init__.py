"""The command line: one thin command a stage, a few for files of one's own, and a few to look.

Commands are plain functions: Typer reads their options from the annotations, and
:mod:`deepsphere.cli.main` puts them together. They import what they call when they are called, so
that help is there at once.
"""
