"""What may be said of SHREC'17 in a configuration."""

from typing import Any

import pytest
from pydantic import ValidationError

from deepsphere.sources.shrec17.settings import Source, Store


def test_what_is_not_said_is_as_published() -> None:
    source = Source.model_validate({"kind": "shrec17"})
    assert (source.edition, source.files, source.simulate) == ("perturbed", (), None)
    assert source.reading() == {"kind": "shrec17", "edition": "perturbed", "seed": 0}
    copies = {"shifted": {"translation": 0.1, "count": 3}}
    values = {"kind": "shrec17", "source": "s", "sampling": "healpix:32", "copies": copies}
    assert Store.model_validate(values).copies["shifted"].translation == 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"edition": "normal"}, "should be 'perturbed' or 'rebuilt'"),
        ({"mirrors": []}, "at least 1 item"),
        ({"years": [2017, 2017]}, "unknown key"),
    ],
)
def test_a_source_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Source.model_validate({"kind": "shrec17", **settings})
