"""``list``: list the names that a suite may use."""

from enum import Enum
from typing import Annotated, Any

import typer

from bench.commands.failures import user_errors

EXAMPLES = "Example: `simam-bench list backbones`"


class Listed(str, Enum):
    """Kinds of names that can be listed."""

    attention = "attention"
    backbones = "backbones"
    placements = "placements"
    measures = "measures"
    suites = "suites"


def list_names(kind: Annotated[Listed | None, typer.Argument(help="What to list; default all.")] = None) -> None:
    """List the names that a suite may use, and the built-in suites."""
    with user_errors():
        for listed in [kind] if kind else list(Listed):
            print(f"{listed.value}:")
            for name in _names(listed):
                print(f"  {name}")


def _names(listed: Listed) -> list[str]:
    from bench.suite.axes import PLACEMENTS
    from bench.suite.builtin import suite_names
    from bench.suite.measures import MEASURES
    from simam.registry import ATTENTION, BACKBONES

    registries: dict[Listed, Any] = {
        Listed.attention: ATTENTION,
        Listed.backbones: BACKBONES,
        Listed.measures: MEASURES,
    }
    if listed in registries:
        return list(registries[listed])
    return [*PLACEMENTS, "{layers: glob}"] if listed is Listed.placements else suite_names()
