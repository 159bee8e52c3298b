"""Graphs on stores and on samplings: what their settings may say, and what is said if wrong."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from deepsphere.config.configuration import check_configuration
from deepsphere.config.graphs import SAMPLINGS, GraphSettings
from deepsphere.errors import DeepsphereError
from deepsphere.registry import load

STORE = {
    "kind": "ghcn",
    "source": "records",
    "elements": ["TMIN"],
    "split": {"train": 0.7, "test": 0.3},
}
TRIAL = {
    "title": "Trial",
    "seeds": [0],
    "tasks": {"next": {"kind": "forecast", "store": "maps", "channels": ["TMIN"], "window": 2}},
    "variants": {
        "plain": {
            "title": "Plain",
            "protocol": "published",
            "task": "next",
            "graph": "near",
            "model": {"kind": "dense-regressor", "kernel_size": 3, "widths": [4]},
            "training": {"epochs": 2, "batch_size": 8, "learning_rate": 0.01},
        }
    },
}


def check(graph: Any, used: bool = False) -> GraphSettings:
    """Check a configuration with this graph, which a variant uses or not."""
    values = {
        "standalone": True,
        "sources": {"records": {"kind": "ghcn", "years": [2010, 2011]}},
        "stores": {"maps": STORE},
        "graphs": {"near": graph},
        "experiments": {"trial": TRIAL} if used else {},
    }
    return check_configuration(values).graphs["near"]


def message_of(graph: Any, used: bool = False) -> str:
    with pytest.raises(DeepsphereError) as caught:
        check(graph, used)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("configuration: ")
    return message.removeprefix("configuration: ")


def test_what_is_left_out() -> None:
    assert check({"sampling": "healpix:4"}).model_dump() == {
        "store": None,
        "sampling": "healpix:4",
        "levels": 1,
        "edges": "nearest",
        "neighbours": 20,
        "radius": None,
        "weights": "gaussian",
        "width": None,
        "width_rule": None,
        "symmetrization": "union",
        "areas": None,
        "refinement": None,
        "laplacian": "combinatorial",
        "parts": 1,
        "rescaling": "symmetric",
    }


def test_a_store_instead_of_a_sampling() -> None:
    assert check({"store": "maps"}, used=True).sampling is None


NAMES = [
    ("healpix:1", 12),
    ("healpix:32", 12288),
    ("healpix:1024:7/48", 12 * 1024**2 // 48),
    ("healpix:6:2/12", 36),
    ("icosahedral:5", 10242),
    ("icosahedral:0:faces", 20),
    ("ugscnn:5", 10242),
    ("ugscnn:2:upward", 162),
    ("equiangular:128x128", 128**2),
    ("equiangular:8x15:north", 8 * 15),
    ("equiangular:129x258:both", 129 * 258),
    ("gauss-legendre:64x128", 64 * 128),
    ("octahedral:104", 4 * 104 * (104 + 9)),
    ("cubed:45", 6 * 45**2),
    ("cubed:5:equidistant", 150),
    ("fibonacci:12288", 12288),
]
"""Names, and the numbers of pixels that they should stand for."""


@pytest.mark.parametrize(("name", "pixels"), NAMES, ids=[name for name, _ in NAMES])
def test_every_kind_of_name_is_accepted_and_stands_for_its_sampling(name: str, pixels: int) -> None:
    assert check({"sampling": name}).sampling == name
    kind, _, parameters = name.partition(":")
    sampling = load("samplings", kind).parse(parameters)
    assert len(sampling) == pixels
    assert sampling.name == name or "/" in name


def test_no_kind_of_name_is_forgotten_above() -> None:
    assert {name.partition(":")[0] for name, _ in NAMES} == set(SAMPLINGS)


NO_KINDS = [
    "",
    "healpx:4",
    "HEALPix:4",
    "gauss_legendre:4x8",
    "../os",
    # Modules that are there, but are no families with names.
    "stations:30",
    "masked:healpix:4",
    "sampling:1",
]


@pytest.mark.parametrize("name", NO_KINDS)
def test_what_is_of_no_kind_is_refused(name: str) -> None:
    assert message_of({"sampling": name}) == (
        f'graphs.near.sampling: found "{name}"; the kinds are healpix, icosahedral, ugscnn, '
        "equiangular, gauss-legendre, octahedral, cubed, fibonacci"
    )


WRONG_NAMES = [
    "healpix",
    "healpix:abc",
    "healpix:4\n",
    "healpix: 4",
    "healpix:0",
    "healpix:4:12/12",
    "healpix:4:0/7",
    "icosahedral:99",
    "ugscnn:5:down",
    "equiangular:8",
    "gauss-legendre:0x4",
    "octahedral:x",
    "cubed:5:round",
    "fibonacci:-3",
]


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_what_names_no_sampling_of_its_kind_is_refused_in_the_words_of_the_family(
    name: str,
) -> None:
    kind, _, parameters = name.partition(":")
    with pytest.raises(DeepsphereError) as caught:
        load("samplings", kind).parse(parameters)
    found = json.dumps(name)
    assert message_of({"sampling": name}) == f"graphs.near.sampling: found {found}; {caught.value}"
    assert kind in str(caught.value).lower()


@pytest.mark.parametrize("name", [5, ["healpix:4"]], ids=str)
def test_what_is_no_text_is_refused(name: Any) -> None:
    message = f"found {json.dumps(name)}; input should be a valid string"
    assert message_of({"sampling": name}) == f"graphs.near.sampling: {message}"


def test_more_pixels_than_any_memory_holds_are_refused() -> None:
    message = message_of({"sampling": "healpix:536870912:0/12"})
    assert message.startswith('graphs.near.sampling: found "healpix:536870912:0/12"; ')


@settings(derandomize=True, max_examples=200, deadline=None)
@given(kind=st.sampled_from(SAMPLINGS), text=st.text("0123456789x:/ abn\n", max_size=6))
def test_junk_after_a_kind_is_accepted_or_refused_in_one_line(kind: str, text: str) -> None:
    try:
        check({"sampling": f"{kind}:{text}"})
    except DeepsphereError as error:
        assert "\n" not in str(error)
        assert str(error).startswith("configuration: graphs.near.sampling: found ")


WRONG_TOGETHER = [
    ({}, "graphs.near.store: give a store or a sampling, and not both"),
    (
        {"store": "maps", "sampling": "healpix:4"},
        "graphs.near.store: give a store or a sampling, and not both",
    ),
    (
        {"store": "maps", "edges": "radius"},
        "graphs.near.radius: goes with edges: radius; give both or neither",
    ),
    (
        {"store": "maps", "radius": 0.1},
        "graphs.near.radius: goes with edges: radius; give both or neither",
    ),
    (
        {"store": "maps", "edges": "adjacent", "radius": 0.1},
        "graphs.near.radius: goes with edges: radius; give both or neither",
    ),
    (
        {"store": "maps", "laplacian": "normalized", "areas": True},
        "graphs.near.areas: is for the combinatorial Laplacian; leave it out with the normalized",
    ),
    (
        {"store": "maps", "laplacian": "normalized", "refinement": 3},
        "graphs.near.refinement: is for the combinatorial Laplacian; leave it out with the normal",
    ),
    (
        {"sampling": "healpix:4", "weights": "cotangent", "parts": 12},
        "graphs.near.parts: finite elements join the whole sampling; leave it out",
    ),
    (
        {"sampling": "healpix:4", "parts": 5},
        "graphs.near.parts: found 5, and 192 pixels of healpix:4 on the coarsest level; give a",
    ),
    (
        {"sampling": "healpix:4", "levels": 2, "parts": 192},
        "graphs.near.parts: found 192, and 48 pixels of healpix:4 on the coarsest level; give a",
    ),
    (
        {"sampling": "cubed:4", "parts": 6},
        "graphs.near.parts: found 6 on cubed:4; it is for healpix",
    ),
    (
        {"store": "maps", "parts": 2},
        "graphs.near.parts: found 2 on stations; it is for healpix",
    ),
    # Single values.
    (
        {"sampling": "healpix:4", "parts": 0},
        "graphs.near.parts: found 0; input should be greater than or equal to 1",
    ),
    (
        {"sampling": "healpix:4", "levels": 0},
        "graphs.near.levels: found 0; input should be greater than or equal to 1",
    ),
    (
        {"store": "maps", "edges": "radius", "radius": 0},
        "graphs.near.radius: found 0; input should be greater than 0",
    ),
    (
        {"store": "maps", "edges": "radius", "radius": 2.1},
        "graphs.near.radius: found 2.1; input should be less than or equal to 2",
    ),
    (
        {"store": "maps", "edges": "radius", "radius": True},
        "graphs.near.radius: found true or false; give a number",
    ),
    (
        {"store": "maps", "refinement": True},
        "graphs.near.refinement: found true or false; give a number",
    ),
    (
        {"store": "maps", "refinement": -1},
        "graphs.near.refinement: found -1; input should be greater than or equal to 0",
    ),
    ({"store": "maps", "areas": 2}, "graphs.near.areas: found 2; input should be a valid boolean"),
    (
        {"store": "maps", "edges": "all"},
        "graphs.near.edges: found \"all\"; allowed: 'nearest', 'adjacent' or 'radius'",
    ),
    (
        {"store": "maps", "width": 0.1, "width_rule": "search"},
        "graphs.near.width_rule: does not go with a width",
    ),
    (
        {"store": "maps", "weights": "cotangent", "edges": "adjacent"},
        "graphs.near.edges: finite elements choose their edges themselves",
    ),
    (
        {"store": "maps", "weights": "cotangent", "laplacian": "normalized"},
        "graphs.near.laplacian: finite elements take the combinatorial one",
    ),
    (
        {"sampling": "healpix:16384"},
        'graphs.near.sampling: found "healpix:16384"; has 3,221,225,472 pixels; a graph takes',
    ),
    (
        {"store": "maps", "width_rule": "median"},
        "graphs.near.width_rule: found \"median\"; allowed: 'formula', 'search', 'published', '",
    ),
]


@pytest.mark.parametrize(
    ("graph", "expected"), WRONG_TOGETHER, ids=[str(graph) for graph, _ in WRONG_TOGETHER]
)
def test_settings_that_do_not_go_together_are_told_apart(
    graph: dict[str, Any], expected: str
) -> None:
    assert message_of(graph).startswith(expected)


@pytest.mark.parametrize(
    "graph",
    [
        {"edges": "radius", "radius": 2},
        {"edges": "adjacent"},
        {"laplacian": "normalized", "areas": False, "refinement": 0},
        {"laplacian": "normalized"},
        {"areas": True, "refinement": 3},
        {"weights": "cotangent"},
        {"width": 0.1},
        {"parts": 48, "levels": 2},
        {"parts": 4, "sampling": "healpix:4:0/12"},
    ],
    ids=str,
)
def test_settings_that_go_together_are_accepted(graph: dict[str, Any]) -> None:
    found = check({"sampling": "healpix:4", **graph})
    assert {key: getattr(found, key) for key in graph} == graph


def test_a_variant_on_a_sampling_while_its_task_has_a_store() -> None:
    assert message_of({"sampling": "healpix:4"}, used=True) == (
        "experiments.trial.variants.plain.graph: found 'near', a graph on the sampling "
        "'healpix:4'; the task 'next' uses 'maps'"
    )


def test_settings_survive_the_way_to_a_stage() -> None:
    """A stage validates what the plan wrote as JSON."""
    found = check({"sampling": "cubed:5", "edges": "radius", "radius": 0.5, "areas": True})
    assert GraphSettings.model_validate(json.loads(found.model_dump_json())) == found
    with pytest.raises(ValidationError):
        GraphSettings.model_validate({**found.model_dump(), "sampling": "cubed:0"})
