"""JSON Schema of a suite file, for editors: ``python -m bench.suite.schema > suites/schema.json``."""

import json
from dataclasses import fields
from typing import Any, get_type_hints

from bench.suite.measures import MEASURES
from bench.suite.model import QUANTITY_SCHEMA, SuiteModel

_TYPES = {int: {"type": "integer"}, float: QUANTITY_SCHEMA, str: {"type": "string"}, bool: {"type": "boolean"}}


def json_schema() -> dict[str, Any]:
    """The schema, made from the model that suites are checked against and from the measures' options."""
    schema = SuiteModel.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["properties"]["measures"] = {
        "description": "What is measured, and with which options.",
        "type": "object",
        "minProperties": 1,
        "properties": {name: _options(name) for name in MEASURES},
        "patternProperties": {":": {"type": ["object", "null"]}},
        "additionalProperties": False,
    }
    return schema


def _options(name: str) -> dict[str, Any]:
    measure = MEASURES.load(name)
    hints = get_type_hints(measure)
    return {
        "description": measure.__doc__.splitlines()[0],
        "type": ["object", "null"],
        "properties": {each.name: {**_TYPES[hints[each.name]], "default": each.default} for each in fields(measure)},
        "additionalProperties": False,
    }


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
