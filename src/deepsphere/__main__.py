"""``python -m deepsphere`` is ``deepsphere``."""

from deepsphere.cli import main

main()
