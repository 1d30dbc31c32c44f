"""Reference of all keys of a suite: ``python -m bench.suite.reference > docs/suites.md``."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tabulate import tabulate

from bench.suite.axes import AXES
from bench.suite.measures import MEASURES
from bench.suite.schema import json_schema

_HEAD = """\
# Suites

A suite is a YAML file that describes what to measure. `python -m bench plan SUITE` shows the resulting grid without
measuring anything. Editors complete and check suites with `suites/schema.json`. A suite can name your own code
("package.module:Name"), so treat it as code.

`python -m bench.suite.reference > docs/suites.md` generates this page from the model that checks suites."""


def reference() -> str:
    """The page, as Markdown."""
    schema = json_schema()
    axes = schema["$defs"]["Axes"]["properties"]
    required = schema["required"]
    keys = [
        [f"`{key}`", "required" if key in required else _default(key_schema), key_schema["description"]]
        for key, key_schema in schema["properties"].items()
    ]
    compulsory = schema["$defs"]["Axes"]["required"]
    grid = [
        [
            f"`{axis.name}`",
            "required" if axis.name in compulsory else _default(axes[axis.name]),
            _values(axes[axis.name]),
            axis.help,
        ]
        for axis in AXES
    ]
    return "\n\n".join(
        [
            _HEAD,
            "## Keys",
            _table(("key", "default", "description"), keys),
            "## Axes",
            "An axis has one value or a list of values. A name with options is written `{simam: {e_lambda: 0.1}}`. An "
            "option with a list of values gives one variant for each value.",
            _table(("axis", "default", "values", "description"), grid),
            "## Measures",
            *_measures(schema["properties"]["measures"]["properties"]),
        ]
    )


def _measures(measures: Mapping[str, Any]) -> Iterator[str]:
    for name, measure_schema in measures.items():
        yield f"### `{name}`"
        yield measure_schema["description"].replace("``", "`")
        if measure_schema["properties"]:
            rows = [
                [f"`{option}`", _default(option_schema), option_schema["description"].replace("``", "`")]
                for option, option_schema in measure_schema["properties"].items()
            ]
            yield _table(("option", "default", "description"), rows)
        if gates := MEASURES.load(name).gates:
            yield f"`gate` can name {', '.join(f'`{gate}`' for gate in gates)}."


def _table(headings: tuple[str, ...], rows: list[list[str]]) -> str:
    return tabulate(rows, headers=headings, tablefmt="github", disable_numparse=True)


def _default(entry: Mapping[str, Any]) -> str:
    default = entry.get("default")
    if default in (None, {}, "", [None]):
        return "–"
    return f"`{json.dumps(default[0] if isinstance(default, list) and len(default) == 1 else default)}`"


MOST_LISTED = 8
"""Maximum number of names that are listed."""


def _values(entry: Mapping[str, Any]) -> str:
    """The allowed values of an axis."""
    items = entry["items"]
    if items.get("type") == "integer":
        return f"whole numbers from {items['minimum']}"
    names = items.get("enum") or items["anyOf"][0]["enum"]
    listed = ", ".join(f"`{name}`" for name in names) if len(names) <= MOST_LISTED else "see `python -m bench list`"
    code = any("pattern" in item for item in items.get("anyOf", ()))
    return f'{listed}, or "package.module:Name"' if code else listed


if __name__ == "__main__":
    print(reference())
