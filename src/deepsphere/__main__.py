"""``python -m deepsphere`` is ``deepsphere``."""

from deepsphere.cli.main import main

main()
