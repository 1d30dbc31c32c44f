"""How far the gate can be trusted, as Markdown."""

import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from bench.report.numbers import percent
from bench.studies.calibration.peers import PEERS
from bench.studies.calibration.rates import Rate
from bench.studies.calibration.trials import POWER, Calibration, Trials
from bench.studies.calibration.windows import SETUPS, Setup

LEVELS = (0.01, 0.02, 0.03, 0.05, 0.10)
"""Slow-downs whose power is told."""
TARGET_ALARMS = 0.01
TARGETS = {20.0: 0.03, 60.0: 0.025}
"""Measured seconds of a pair → the slow-down to be found in 95 % of invocations."""
TARGET_NARROWER = 5.0
_TARGETED = [setup for setup in SETUPS if setup.seconds in TARGETS]


def render(seen: Calibration, records: int, environments: Mapping[str, Any], command: str) -> str:
    """The whole page.

    Args:
        seen: from :func:`bench.studies.calibration.trials.calibrated`.
        records: how many folders of records it rests on.
        environments: id → ``facts`` and ``state``.
        command: what makes the page from its records.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("bench.report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("calibration.md.j2").render(
        targets=_table(("target", "seen", "met"), _targets(seen)),
        gate=_table(_HEADINGS, (_row(each) for each in seen.trials if each.rule not in PEERS)),
        missed=list(_missed(seen)),
        peers=_table(_HEADINGS, (_row(each) for each in seen.trials if each.rule in PEERS)),
        control=percent(seen.control),
        truth=percent(seen.truth),
        slowed=_table(
            ("seconds a pair (processes)", "found", "found where the same is injected by calculation"),
            ([_setup(each.setup), _rate(each.found), _rate(each.injected)] for each in seen.slowed),
        ),
        records=records,
        facts=[environment["facts"] for environment in environments.values()],
        command=command,
    )


_HEADINGS = (
    "rule",
    "seconds a pair (processes)",
    "invocations",
    "false alarms",
    *(f"finds {100 * level:g} %" for level in LEVELS),
    "finds in 95 %",
    "error (sd)",
    "unchanged",
)


def _table(headings: tuple[str, ...], rows: Iterator[list[str]]) -> str:
    from tabulate import tabulate

    return tabulate(list(rows), headers=headings, tablefmt="github", disable_numparse=True)


def _row(each: Trials) -> list[str]:
    alarms = each.found(0.0)
    return [
        each.rule,
        _setup(each.setup),
        f"{alarms.trials} (worth {alarms.effective:.0f})",
        _seen(each, 0.0),
        *(_rate(each.found(level)) for level in LEVELS),
        _slowdowns(*each.smallest()),
        f"{100 * each.error:.2f} %" if len(each.estimates) > 1 else "–",
        _rate(each.unchanged) if each.unchanged else "–",
    ]


def _targets(seen: Calibration) -> Iterator[list[str]]:
    for rule, setup in product(("ab", "compare"), _TARGETED):
        trials, slowdown = seen.of(rule, setup), TARGETS[setup.seconds]
        where = f"{rule}, {setup.seconds:g} s a pair"
        rare, finds = f"false alarms at most {100 * TARGET_ALARMS:g} %", f"finds {100 * slowdown:g} % in 95 %"
        if trials is None:
            yield [f"{where}: {rare}; {finds}", "too few records", "not shown"]
            continue
        alarms, power = trials.found(0.0), trials.found(slowdown)
        yield [
            f"{where}: {rare}",
            _seen(trials, 0.0),
            _met(alarms.high <= TARGET_ALARMS, alarms.share <= TARGET_ALARMS),
        ]
        yield [
            f"{where}: {finds}",
            _seen(trials, slowdown),
            _met(power.low >= POWER, power.share >= POWER, (trials.expected(slowdown) or 0.0) >= POWER),
        ]
    for setup in _TARGETED:
        ours, theirs = seen.of("ab", setup), seen.of(next(iter(PEERS)), setup)
        if ours is not None and theirs is not None and len(ours.estimates) > 1 < len(theirs.estimates):
            times = theirs.error / ours.error
            yield [
                f"{setup.seconds:g} s a pair: error {TARGET_NARROWER:g} times smaller than one after the other",
                f"{times:.1f} times ({100 * ours.error:.2f} % against {100 * theirs.error:.2f} %)",
                _met(times >= TARGET_NARROWER, False),
            ]


def _missed(seen: Calibration) -> Iterator[str]:
    """Of each target of ``ab`` the invocations that missed it, and whether they are those that scattered most."""
    for setup in _TARGETED:
        trials, slowdown = seen.of("ab", setup), TARGETS[setup.seconds]
        if trials is not None and (missed := trials.missed(slowdown)):
            halves = sorted(trials.halves)
            yield (
                f"`ab`, {setup.seconds:g} s a pair: what missed {100 * slowdown:g} % came to intervals of "
                f"{', '.join(map(_half, missed))}; of all invocations half came to less than "
                f"{_half(halves[len(halves) // 2])}, and the widest to {_half(halves[-1])}."
            )


def _half(width: float) -> str:
    return f"±{100 * width:.1f} %"


def _seen(trials: Trials, slowdown: float) -> str:
    """How often a slow-down was found, and how often it is to be expected."""
    expected = trials.expected(slowdown)
    tail = f"; {100 * expected:.3g} % expected" if expected is not None else ""
    return f"{_rate(trials.found(slowdown))}{tail}"


def _met(shown: bool, seen: bool, expected: bool = True) -> str:
    if shown or not seen:
        return "yes" if shown else "no"
    return f"as seen, yes; {'too few invocations to show it' if expected else 'not to be expected at this spread'}"


def _setup(setup: Setup) -> str:
    return f"{setup.seconds:g} ({setup.processes})"


def _rate(rate: Rate) -> str:
    return f"{100 * rate.share:.0f} % [{100 * rate.low:.0f}, {100 * rate.high:.0f}]"


def _slowdowns(*bounds: float) -> str:
    point, low, high = (f"{100 * each:.1f} %" if math.isfinite(each) else "none" for each in bounds)
    return f"{point} [{low}, {high}]"
