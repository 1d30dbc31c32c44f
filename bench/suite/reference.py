"""Every key of a suite, for people: ``python -m bench.suite.reference > docs/suites.md``."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tabulate import tabulate

from bench.suite.axes import AXES
from bench.suite.measures import MEASURES
from bench.suite.schema import json_schema

_HEAD = """\
# Suites

A suite is a YAML file that says what is measured. `python -m bench plan SUITE` shows what becomes of it before anything
runs; editors complete and check it by `suites/schema.json`. A suite can name code of yours ("package.module:Name"), so
treat it as code.

Written by `python -m bench.suite.reference > docs/suites.md`, from what suites are checked against."""


def reference() -> str:
    """The page, as Markdown."""
    schema = json_schema()
    axes = schema["$defs"]["Axes"]["properties"]
    required = schema["required"]
    keys = [
        [f"`{key}`", "must be given" if key in required else _default(each), each["description"]]
        for key, each in schema["properties"].items()
    ]
    compulsory = schema["$defs"]["Axes"]["required"]
    grid = [
        [
            f"`{axis.name}`",
            "must be given" if axis.name in compulsory else _default(axes[axis.name]),
            _values(axes[axis.name]),
            axis.help,
        ]
        for axis in AXES
    ]
    return "\n\n".join(
        [
            _HEAD,
            "## Keys",
            _table(("key", "default", "what it says"), keys),
            "## Axes",
            "Each takes one value or a list. A named thing with options is written `{simam: {e_lambda: 0.1}}`; a list "
            "of values for an option makes a variant of each.",
            _table(("axis", "default", "values", "what it is"), grid),
            "## Measures",
            *_measures(schema["properties"]["measures"]["properties"]),
        ]
    )


def _measures(measures: Mapping[str, Any]) -> Iterator[str]:
    for name, each in measures.items():
        yield f"### `{name}`"
        yield each["description"].replace("``", "`")
        if each["properties"]:
            rows = [
                [f"`{option}`", _default(own), own["description"].replace("``", "`")]
                for option, own in each["properties"].items()
            ]
            yield _table(("option", "default", "what it says"), rows)
        if gates := MEASURES.load(name).gates:
            yield f"`gate` can name {', '.join(f'`{gate}`' for gate in gates)}."


def _table(headings: tuple[str, ...], rows: list[list[str]]) -> str:
    return tabulate(rows, headers=headings, tablefmt="github", disable_numparse=True)


def _default(entry: Mapping[str, Any]) -> str:
    default = entry.get("default")
    if default in (None, {}, "", [None]):
        return "–"
    return f"`{json.dumps(default[0] if isinstance(default, list) and len(default) == 1 else default)}`"


FEW = 8
"""Names that are written out."""


def _values(entry: Mapping[str, Any]) -> str:
    """What an axis may be."""
    items = entry["items"]
    if items.get("type") == "integer":
        return f"whole numbers from {items['minimum']}"
    names = items.get("enum") or items["anyOf"][0]["enum"]
    listed = ", ".join(f"`{name}`" for name in names) if len(names) <= FEW else "see `python -m bench list`"
    code = any("pattern" in each for each in items.get("anyOf", ()))
    return f'{listed}, or "package.module:Name"' if code else listed


if __name__ == "__main__":
    print(reference())
