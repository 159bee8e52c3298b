"""The processes of this machine, as Linux shows them in /proc. One that is a zombie has ended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process that ran when it was looked at: its number, its parent's, and its short name."""

    number: int
    parent: int
    name: str

    def command(self) -> list[str]:
        """Return program and arguments, none where it has ended."""
        return self._read("cmdline")

    def environment(self) -> dict[str, str]:
        """Return the variables that it was started with, none where it has ended."""
        variables = (text.partition("=") for text in self._read("environ"))
        return {name: value for name, _, value in variables}

    def folder(self) -> Path:
        """Return its working folder, ``/`` where it has ended."""
        try:
            return Path(f"/proc/{self.number}/cwd").readlink()
        except OSError:
            return Path("/")

    def _read(self, file: str) -> list[str]:
        """Return the strings of a file that ends each with a zero byte."""
        try:
            content = Path(f"/proc/{self.number}/{file}").read_bytes()
        except OSError:
            return []
        return content.decode(errors="replace").split("\0")[:-1]


def find_process(number: int) -> Process | None:
    """Return a process, none where it has ended."""
    try:
        text = Path(f"/proc/{number}/stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in parentheses and may hold some itself.
    head, _, tail = text.rpartition(")")
    status, parent = tail.split()[:2]
    return None if status in "ZX" else Process(number, int(parent), head.partition("(")[2])


def all_processes() -> Iterator[Process]:
    """Yield every process."""
    for path in Path("/proc").iterdir():
        process = find_process(int(path.name)) if path.name.isdecimal() else None
        if process is not None:
            yield process


def with_descendants(numbers: Iterable[int], processes: Iterable[Process]) -> set[int]:
    """Return these numbers and those of all processes below them."""
    found = set(numbers)
    parents = [(process.number, process.parent) for process in processes]
    while more := {number for number, parent in parents if parent in found} - found:
        found |= more
    return found
