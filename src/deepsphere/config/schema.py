"""The JSON schema of the configuration files, for editors: ``config/schema.json``.

A file may hold a part only, as it is laid over others, and a variant is laid over ``base``. So the
schema asks for no key. It knows every key, its type, range and meaning; whether the whole is
complete and its parts fit together is checked when it is read
(:func:`deepsphere.config.configuration.load_configuration`).
"""

import json
from typing import Any

from deepsphere.config.configuration import Configuration

_NAMED = ("$defs", "properties", "patternProperties")
_DROPPED = ("required", "minProperties", "discriminator", "title")


def schema() -> str:
    """Return the JSON schema of a configuration file, which may be partial."""
    whole = Configuration.model_json_schema()
    experiment = whole["$defs"]["Experiment"]["properties"]
    variant = {"$ref": "#/$defs/Variant"}
    experiment["base"] = {"description": experiment["base"]["description"], **variant}
    by_name = experiment["variants"]["patternProperties"]
    for pattern in by_name:
        by_name[pattern] = {"anyOf": [variant, {"type": "null"}]}
    parts = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_for_parts(whole)}
    text = json.dumps(parts, indent=2, sort_keys=True, ensure_ascii=False)
    return f"{text}\n"


def _for_parts(node: Any) -> Any:
    """Return a schema that accepts a part of what it describes, and no other names."""
    if isinstance(node, list):
        return [_for_parts(item) for item in node]
    if not isinstance(node, dict):
        return node
    result: dict[str, Any] = {}
    for key, value in node.items():
        if key in _NAMED:
            result[key] = {name: _for_parts(part) for name, part in value.items()}
        elif key not in _DROPPED:
            # Without its kind a part may fit several kinds, which "oneOf" would refuse.
            result["anyOf" if key == "oneOf" else key] = _for_parts(value)
    if "patternProperties" in result:
        result["additionalProperties"] = False
    return result
