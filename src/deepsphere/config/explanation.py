"""What is wrong with a configuration, in one line that a user finds the place by.

pydantic locates an error in the data that it sees: variants already laid over ``base``, and unions
with the kind that was tried as one more step. Here the way leads back to the key that was written.
"""

import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from deepsphere.config.base import NAME_PATTERN, NAME_RULE
from deepsphere.config.experiments import lay_variants_over_base
from deepsphere.config.paths import PATH_PATTERN, PATH_RULE

KeyPath = tuple[int | str, ...]

_RULES = {NAME_PATTERN: NAME_RULE, PATH_PATTERN: PATH_RULE}
_WORDS = {"dictionary": "mapping", "tuple": "list"}
_VARIANT_DEPTH = 4
_FOUND_LENGTH = 60


def explain(error: ValidationError, values: dict[str, Any]) -> str:
    """Say the first error in one line: path of the key, what was found, what is allowed.

    Parameters
    ----------
    error : ValidationError
        What pydantic raised.
    values : dict
        The plain data that were checked.

    Returns
    -------
    str
        Such as ``"stores.mine.split.train: found 2; input should be less than 1 (and 3 more)"``.
    """
    laid = _lay_over_bases(values)
    details = error.errors(include_url=False)
    paths = [_as_written(_path(detail, laid), values) for detail in details]
    others = len(set(paths)) - 1
    more = f" (and {others} more)" if others else ""
    where = ".".join(map(str, paths[0]))
    return f"{where}: {_message(details[0], paths[0], values)}{more}"


def _lay_over_bases(values: dict[str, Any]) -> dict[str, Any]:
    experiments = values.get("experiments")
    if not isinstance(experiments, dict):
        return values
    laid = {name: lay_variants_over_base(settings) for name, settings in experiments.items()}
    return {**values, "experiments": laid}


def _path(detail: ErrorDetails, laid: dict[str, Any]) -> KeyPath:
    """Return the path of an error in the laid data, without the steps that pydantic adds."""
    path: list[int | str] = []
    current: Any = laid
    for key in detail["loc"]:
        if key == "[key]":
            continue
        if isinstance(current, dict) and key not in current and current.get("kind") == key:
            continue
        path.append(key)
        current = _step(current, key)
    if detail["type"].startswith("union_tag"):
        path.append("kind")
    return (*path, *detail.get("ctx", {}).get("path", ()))


def _as_written(path: KeyPath, values: dict[str, Any]) -> KeyPath:
    """Return the path below ``base`` if the key stands there and not in the variant."""
    if len(path) <= _VARIANT_DEPTH or (path[0], path[2]) != ("experiments", "variants"):
        return path
    of_base = (*path[:2], "base", *path[_VARIANT_DEPTH:])
    return of_base if not _exists(path, values) and _exists(of_base, values) else path


def _message(detail: ErrorDetails, path: KeyPath, values: dict[str, Any]) -> str:
    found, context = f"found {_short(_get(path, values))}", detail.get("ctx", {})
    match detail["type"]:
        case "wrong":
            return str(context["message"])
        case "missing" | "union_tag_not_found":
            shared = len(path) > _VARIANT_DEPTH and path[2] == "variants"
            return f"missing; give it here or in {path[0]}.{path[1]}.base" if shared else "missing"
        case "union_tag_invalid":
            return f"{found}; allowed: {context['expected_tags']}"
        case "literal_error":
            return f"{found}; allowed: {context['expected']}"
        case "string_pattern_mismatch" if detail["loc"][-1] == "[key]":
            return f"this is no name; {_RULES[context['pattern']]}"
        case "string_pattern_mismatch":
            return f"{found}; {_RULES[context['pattern']]}"
    message = detail["msg"].removeprefix("Value error, ")
    message = f"{message[0].lower()}{message[1:]}"
    for python, yaml in _WORDS.items():
        message = message.replace(python, yaml)
    return f"{found}; {message}"


def _step(current: Any, key: int | str) -> Any:
    try:
        return current[key]
    except (KeyError, IndexError, TypeError):
        return None


def _get(path: KeyPath, values: Any) -> Any:
    for key in path:
        values = _step(values, key)
    return values


def _exists(path: KeyPath, values: dict[str, Any]) -> bool:
    parent = _get(path[:-1], values)
    return (isinstance(parent, dict) and path[-1] in parent) or _get(path, values) is not None


def _short(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= _FOUND_LENGTH else f"{text[: _FOUND_LENGTH - 3]}..."
