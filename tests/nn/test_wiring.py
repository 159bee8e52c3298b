import dataclasses

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.nn.wiring import WIRINGS, Stage, decoder_stages, encoder_channels, find_wiring


def test_wirings_are_found_by_name():
    assert {find_wiring(name) for name in WIRINGS} == set(WIRINGS.values())
    assert len(set(WIRINGS.values())) == 4
    with pytest.raises(DeepsphereError, match=r"no wiring 'other' of a U-Net; take one of publi"):
        find_wiring("other")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"skips": "both"}, r"expected skips among .*, found 'both' and 'narrowing'"),
        ({"decoder": "wide"}, r"a decoder among .*, found 'outputs' and 'wide'"),
        ({"last": "other", "decoder": "mirrored"}, r"expected a last stage .*, found 'other'"),
        ({"last": "block"}, r"expected no last stage of a narrowing decoder, found 'block'"),
    ],
)
def test_what_is_no_wiring_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(WIRINGS["paper"], **change)


def test_a_wiring_says_what_each_stage_gets():
    """By hand, of 3 channels and levels of 4 and 5, 6, and 7 channels."""
    widths = ((4, 5), (6,), (7,))
    assert encoder_channels(3, widths) == [(3, 4, 5), (5, 6), (6, 7)]
    inputs = [Stage(2, False, 6, 7), Stage(1, True, 5, 6), Stage(0, True, 4, 5)]
    expected = {
        "published": [*inputs, Stage(0, False, None, 4)],
        "latest": [*inputs, Stage(0, False, 3, 4)],
        "paper": [Stage(1, True, 6, 5), Stage(0, True, None, 4)],
        "jiang": [Stage(2, False, 7, 7), Stage(1, True, 6, 6), Stage(0, True, 5, 5)],
    }
    assert {name: decoder_stages(3, widths, WIRINGS[name]) for name in WIRINGS} == expected
