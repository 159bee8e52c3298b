"""The one exception that stands for bad input, as opposed to a defect of this package."""


class DeepsphereError(Exception):
    """Bad input, said in one line: what is wrong, what was found, where, and what to do.

    The command line prints the message and exits with status 1; a traceback is shown only with
    ``--debug``. Anything that is not a ``DeepsphereError`` is a defect of this package.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
