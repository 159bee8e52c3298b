"""What may be said of ModelNet40 in a configuration."""

from typing import Any

import pytest
from pydantic import ValidationError

from deepsphere.sources.modelnet40.settings import Source, Store


def test_what_is_not_said_is_as_published() -> None:
    source = Source.model_validate({"kind": "modelnet40"})
    assert (source.edition, source.validation, source.simulate) == ("original", 0.0, None)
    assert source.mirrors[0] == "https://modelnet.cs.princeton.edu"
    copies = {"z": {"rotation": "z", "count": 3}}
    values = {"kind": "modelnet40", "source": "m", "sampling": "equiangular:8x8", "copies": copies}
    assert Store.model_validate(values).copies["z"].count == 3


def test_reading_does_not_depend_on_where_the_files_come_from() -> None:
    there = Source.model_validate({"kind": "modelnet40", "mirrors": ["/data"], "validation": 0.1})
    assert there.reading() == {"kind": "modelnet40", "validation": 0.1, "seed": 0}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"edition": "10"}, "should be 'original' or 'aligned'"),
        ({"validation": 1.0}, "less than 1"),
        ({"mirrors": []}, "at least 1 item"),
        ({"mirrors": ["https://me:secret@host"]}, "must not hold a user or password"),
        ({"variant": "aligned"}, "unknown key"),
    ],
)
def test_a_source_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Source.model_validate({"kind": "modelnet40", **settings})
