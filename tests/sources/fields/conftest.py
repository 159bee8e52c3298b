"""Files of states with a reader that needs no library: what the shared code is tested with."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.fields.states import State


@dataclass(frozen=True)
class TextReader:
    """Reads ``places value label`` from a text file; a file that says more is broken inside."""

    suffixes: tuple[str, ...] = (".txt",)

    def layout(self, content: Path | io.BytesIO) -> str:
        words = _text(content).split()
        if len(words) < 3:
            raise DeepsphereError(f"has {len(words)} words; expected 3")
        return f"{words[0]} places"

    def read(self, content: Path | io.BytesIO, channels: Sequence[str]) -> State:
        layout = self.layout(content)
        words = _text(content).split()
        if len(words) > 3:
            raise DeepsphereError(f"has {len(words)} words; expected 3")
        fields = np.full((len(channels), int(words[0])), float(words[1]), np.float32)
        return State(fields, np.full(int(words[0]), int(words[2]), np.uint8), layout)


def _text(content: Path | io.BytesIO) -> str:
    return content.read_text() if isinstance(content, Path) else content.getvalue().decode()


@pytest.fixture
def reader() -> TextReader:
    return TextReader()


@pytest.fixture
def write_state(tmp_path: Path) -> Callable[..., str]:
    """Write a file below ``tmp_path / "raw"`` and return its name there."""

    def write(name: str, text: str = "12 1.5 0") -> str:
        path = tmp_path / "raw" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return name

    return write
