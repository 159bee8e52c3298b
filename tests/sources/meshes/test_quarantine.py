"""Few broken meshes are set aside; of many the commonest reasons are told."""

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.quarantine import Broken, refuse_many


def test_a_share_is_allowed() -> None:
    broken = [Broken(str(number), "empty") for number in range(5)]
    refuse_many(broken, 100, 0.05)
    refuse_many([], 100, 0.0)
    with pytest.raises(DeepsphereError, match=r"^store: 5 of 100 meshes are broken, more than"):
        refuse_many(broken, 100, 0.049)


def test_the_three_commonest_reasons_are_told() -> None:
    reasons = [f"line {number}: 3 numbers expected" for number in range(4)]
    reasons += ["empty"] * 3 + ["no face"] * 2 + ["rare"]
    broken = [Broken(f"m{number}", reason) for number, reason in enumerate(reasons)]
    with pytest.raises(DeepsphereError) as caught:
        refuse_many(broken, 20, 0.1)
    assert str(caught.value) == (
        "store: 10 of 20 meshes are broken, more than the share of 0.1 that `quarantine` allows: "
        "4 such as m0 (line 0: 3 numbers expected); 3 such as m4 (empty); 2 such as m7 (no face); "
        "repair the files, or allow more"
    )


def test_a_long_reason_is_cut() -> None:
    with pytest.raises(DeepsphereError) as caught:
        refuse_many([Broken("m", "x" * 1000)], 1, 0)
    assert len(str(caught.value)) < 400
