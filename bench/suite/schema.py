"""JSON Schema of a suite file, for editors: ``python -m bench.suite.schema > suites/schema.json``."""

import json
import re
from dataclasses import fields
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from bench.suite.measures import MEASURES
from bench.suite.model import HELP, SuiteModel, quantity_schema

_TYPES = {int: "integer", float: "number", str: "string", bool: "boolean"}


def json_schema() -> dict[str, Any]:
    """The schema, made from the model that suites are checked against and from the measures' options."""
    schema = SuiteModel.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["measures"] = {
        "description": HELP["measures"],
        "type": "object",
        "minProperties": 1,
        "properties": {name: _options(name) for name in MEASURES},
        "patternProperties": {":": {"type": ["object", "null"]}},
        "additionalProperties": False,
    }
    return schema


def _options(name: str) -> dict[str, Any]:
    measure = MEASURES.load(name)
    hints, descriptions = get_type_hints(measure, include_extras=True), _arguments(measure.__doc__)
    return {
        "description": measure.__doc__.splitlines()[0],
        "type": ["object", "null"],
        "properties": {
            option.name: {
                "description": descriptions[option.name],
                **_type(hints[option.name]),
                "default": option.default,
            }
            for option in fields(measure)
        },
        "additionalProperties": False,
    }


def _arguments(docstring: str) -> dict[str, str]:
    """Option → its description in the measure's docstring."""
    entries = re.findall(r"^ {8}(\w+): (.*(?:\n {12}.*)*)", docstring.partition("Args:")[2], re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text) for name, text in entries}


def _type(hint: Any) -> dict[str, Any]:
    if get_origin(hint) is Annotated:
        return quantity_schema(get_args(hint)[1])
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if isinstance(hint, UnionType):  # with None, where the measure chooses
        return {"type": [_TYPES.get(argument, "null") for argument in get_args(hint)]}
    return {"type": _TYPES[hint]}


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
