"""``list``: list the names that a suite may use, with a description of each."""

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any

import typer

from bench.commands.failures import user_errors

EXAMPLES = "Examples: `simam-bench list` and `simam-bench list attention`"


class Listed(str, Enum):
    """Types of names that can be listed."""

    attention = "attention"
    backbones = "backbones"
    placements = "placements"
    measures = "measures"
    suites = "suites"


def list_names(kind: Annotated[Listed | None, typer.Argument(help="What to list; default all.")] = None) -> None:
    """List the names that a suite may use, with their descriptions and options, and the built-in suites."""
    with user_errors():
        for listed in [kind] if kind else list(Listed):
            print(f"{listed.value}:")
            described = dict(_descriptions(listed))
            width = max(map(len, described))
            for name, description in described.items():
                print(f"  {name:{width}}  {description}")


def _descriptions(listed: Listed) -> Iterator[tuple[str, str]]:
    """Each name with its description."""
    from pathlib import Path

    from bench.suite.axes import PLACEMENT_DESCRIPTIONS
    from bench.suite.builtin import suite_names
    from bench.suite.load import find_suite, load_suite
    from bench.suite.measures import MEASURES
    from simam.registry import ATTENTION, BACKBONES

    match listed:
        case Listed.attention:
            for name, module in ATTENTION.items():
                placed = f"{module.title}, {module.placement}" if module.placement else "the plain network"
                yield name, f"{placed}{_options(ATTENTION.load(name)) if module.placement else ''}"
        case Listed.backbones:
            yield from ((name, f"{network.title}, {network.resolution} px") for name, network in BACKBONES.items())
        case Listed.placements:
            yield from PLACEMENT_DESCRIPTIONS.items()
        case Listed.measures:
            for name in MEASURES:
                measure = MEASURES.load(name)
                summary = (measure.__doc__ or "").partition("\n")[0].replace("``", "")
                yield name, f"{summary.removesuffix('.')}{_options(measure)}"
        case Listed.suites:
            yield from ((name, load_suite(find_suite(Path(name))).title or "") for name in suite_names())


def _options(target: Any) -> str:
    """The options of a class with their defaults: "; options: e_lambda=0.0001, implementation=auto"."""
    from inspect import Parameter, signature

    parameters = signature(target).parameters.values()
    options = [f"{one.name}={one.default}" for one in parameters if one.default not in (Parameter.empty, None)]
    return f"; options: {', '.join(options)}" if options else ""
