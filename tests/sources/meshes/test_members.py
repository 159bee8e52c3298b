"""Names of members: where they may lead."""

from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.members import refuse_twice, safe_name

_ARCHIVE = Path("set.zip")


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("a.off", "a.off"),
        ("./a//b/./c.off", "a/b/c.off"),
        ("a\\b.off", "a/b.off"),
        ("..a/b..off", "..a/b..off"),
        ("été/naïve café.off", "été/naïve café.off"),
        ("a/b/", "a/b"),
    ],
)
def test_names_are_made_plain(name: str, safe: str) -> None:
    assert safe_name(name, _ARCHIVE) == safe


@pytest.mark.parametrize(
    "name",
    [
        "../a.off",
        "a/../../b.off",
        "a/..",
        "/etc/passwd",
        "\\a.off",
        "..\\a.off",
        "C:a.off",
        "c:\\a.off",
        "\\\\host\\share\\a.off",
    ],
)
def test_names_that_lead_out_are_refused(name: str) -> None:
    with pytest.raises(DeepsphereError, match="which leads out of it; get it from a source"):
        safe_name(name, _ARCHIVE)


def test_names_that_are_no_text_are_refused() -> None:
    with pytest.raises(DeepsphereError, match=r"'caf\\udce9.off', whose name is not UTF-8"):
        safe_name(b"caf\xe9.off".decode("utf-8", "surrogateescape"), _ARCHIVE)


def test_names_that_are_there_twice_are_said() -> None:
    assert str(refuse_twice("a\n.off", _ARCHIVE)).startswith("set.zip holds 'a\\n.off' twice;")
