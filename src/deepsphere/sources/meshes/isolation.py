"""Calling a function in a process of its own, which may crash, hang or run out of memory.

One broken mesh can end a process: ray tracers and hull finders are native code. :class:`Isolated`
keeps one child process and sends it one call after the other; a child that is lost costs the call
that lost it, about a second for a new child, and nothing else.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import IO, Any, Self

from deepsphere.errors import DeepsphereError

_PATIENCE = 10
"""How many times its processor seconds a call may take on the clock: it may have to wait."""

_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
_LAST_BYTES = 4096
_LAST_CHARACTERS = 200


class Failed(Exception):
    """A call in a child did not return; the message says why, in one line."""


@dataclass(frozen=True)
class Limits:
    """What one call may use.

    Attributes
    ----------
    seconds : float
        Processor time; on the clock it may take ten times as long.
    megabytes : int
        Address space of the child, its libraries (some 500 MB) included.
    """

    seconds: float
    megabytes: int

    def __post_init__(self) -> None:
        if not self.seconds > 0 or self.megabytes < 1:
            raise ValueError(f"limits must be positive; found {self}")


class Isolated:
    """A child process for calls, one at a time; started at the first call, replaced when lost.

    Parameters
    ----------
    limits : Limits
        What each call may use.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._child: _Child | None = None

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a function returns in the child.

        Parameters
        ----------
        function : callable
            Of a module that the child can import. It, its arguments and what it returns are
            pickled.
        *arguments
            Positional arguments.

        Raises
        ------
        Failed
            If the function raises an error, exceeds a limit, or ends the process.
        """
        try:
            return self._call(function, arguments)
        except _Killed:
            # A kill comes from outside, mostly for want of memory: the next try may have more.
            try:
                return self._call(function, arguments)
            except _Killed as error:
                raise Failed(str(error)) from None

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            self._child.end()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if self._child is None:
            self._child = _Child(self.limits)
        try:
            self._child.connection.send((function, arguments))
            has_returned, answer = self._child.connection.recv()
        except (EOFError, ConnectionError):
            child, self._child = self._child, None
            raise child.cause(self.limits) from None
        if not has_returned:
            raise Failed(answer)
        return answer


class _Killed(Exception):
    """The child was killed by another process."""


class _Child:
    """A process that runs :func:`serve`, the pipe to it, and a file for what it complains of."""

    def __init__(self, limits: Limits) -> None:
        self.connection, theirs = Pipe()
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (lives with the child)
        number = theirs.fileno()
        call = f"serve({number}, {limits.seconds!r}, {limits.megabytes})"
        program = f"from {__name__} import serve; {call}"
        self._process = subprocess.Popen(  # noqa: S603 (our own interpreter and program)
            [sys.executable, "-P", "-c", program],
            stdin=subprocess.DEVNULL,
            stdout=self._complaints,
            stderr=self._complaints,
            pass_fds=[number],
            env={**os.environ, **_ONE_THREAD},
        )
        theirs.close()

    def cause(self, limits: Limits) -> Failed | _Killed:
        """Return the error that says why the child is lost, and clean up after it."""
        self.connection.close()
        code = self._process.wait()
        words = self._last_words()
        self._complaints.close()
        if code == -signal.SIGPROF:
            return Failed(f"takes more than {limits.seconds:g} s of processor time")
        if code == -signal.SIGALRM:
            return Failed(f"does not end within {_PATIENCE * limits.seconds:g} s")
        if code == -signal.SIGKILL:
            return _Killed("its process was killed twice, perhaps for want of memory")
        ended = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        return Failed(f"its process ended {ended}{f': {words}' if words else ''}")

    def end(self) -> None:
        """Let the child end: it does at the end of its pipe."""
        self.connection.close()
        self._process.wait()
        self._complaints.close()

    def _last_words(self) -> str:
        self._complaints.seek(max(0, self._complaints.seek(0, os.SEEK_END) - _LAST_BYTES))
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        spoken = [" ".join(line.split()) for line in lines if line.strip()]
        last = spoken[-1] if spoken else ""
        return "".join(filter(str.isprintable, last))[:_LAST_CHARACTERS]


def serve(descriptor: int, seconds: float, megabytes: int) -> None:
    """Answer calls until the pipe ends: what the child process does.

    Parameters
    ----------
    descriptor : int
        The child's end of the pipe.
    seconds, megabytes
        See :class:`Limits`.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    limit = megabytes << 20 if most == resource.RLIM_INFINITY else min(megabytes << 20, most)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # A signal to the whole group ends the parent, and with it the pipe. A child that went first
    # would make the parent believe that the mesh was to blame.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    with Connection(descriptor) as connection:
        while True:
            try:
                function, arguments = connection.recv()
            except EOFError:
                return
            # The kernel ends the process then, also in the midst of native code.
            signal.setitimer(signal.ITIMER_PROF, seconds)
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds)
            try:
                answer = True, function(*arguments)
            except DeepsphereError as error:
                answer = False, str(error)
            except MemoryError:
                answer = False, f"needs more than {megabytes} MB of memory"
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.send(answer)
