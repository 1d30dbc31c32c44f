"""The report of a calibration, as Markdown."""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from bench.report.numbers import percent
from bench.results.compare import RecordedEnvironment
from bench.studies.calibration.peers import PEERS
from bench.studies.calibration.proportions import Proportion
from bench.studies.calibration.trials import TARGET_POWER, Calibration, Trials
from bench.studies.calibration.windows import SETUPS, Setup

SLOWDOWNS = (0.01, 0.02, 0.03, 0.05, 0.10)
"""Slowdowns whose detection rate the report states."""
TARGET_FALSE_ALARMS = 0.01
TARGET_SLOWDOWNS = {20.0: 0.03, 60.0: 0.025}
"""Measured seconds of a pair → the slowdown that 95 % of invocations should detect."""
TARGET_ERROR_RATIO = 5.0
_SETUPS_WITH_TARGET = [setup for setup in SETUPS if setup.seconds in TARGET_SLOWDOWNS]


def render_calibration_report(
    result: Calibration, records: int, environments: Mapping[str, RecordedEnvironment], command: str
) -> str:
    """The whole report.

    Args:
        result: from :func:`bench.studies.calibration.trials.evaluate_gate`.
        records: number of folders of records.
        environments: environment id → environment.
        command: the command that makes the report from its records.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    jinja = Environment(
        loader=PackageLoader("bench.studies.calibration"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return jinja.get_template("page.md.j2").render(
        targets=_markdown_table(("target", "measured", "met"), _gate_targets(result)),
        gate=_markdown_table(_HEADINGS, (_trials_row(trials) for trials in result.trials if trials.rule not in PEERS)),
        missed=list(_missed(result)),
        peers=_markdown_table(_HEADINGS, (_trials_row(trials) for trials in result.trials if trials.rule in PEERS)),
        control=percent(result.control),
        extra_work=percent(result.extra_work),
        detections=_markdown_table(
            ("seconds a pair (processes)", "detected", "detected with the same slowdown injected"),
            ([_setup(row.setup), _proportion(row.detected), _proportion(row.injected)] for row in result.detections),
        ),
        records=records,
        facts=[environment.facts for environment in environments.values()],
        command=command,
    )


_HEADINGS = (
    "rule",
    "seconds a pair (processes)",
    "invocations (effective)",
    "false alarms",
    *(f"detects {100 * slowdown:g} %" for slowdown in SLOWDOWNS),
    "detected in 95 %",
    "error (SD)",
    "unchanged",
)


def _markdown_table(headings: tuple[str, ...], rows: Iterable[list[str]]) -> str:
    from tabulate import tabulate

    return tabulate(list(rows), headers=headings, tablefmt="github", disable_numparse=True)


def _trials_row(trials: Trials) -> list[str]:
    false_alarms = trials.detection(0.0)
    return [
        trials.rule,
        _setup(trials.setup),
        f"{false_alarms.trials} ({false_alarms.effective:.0f})",
        _detection(trials, 0.0),
        *(_proportion(trials.detection(slowdown)) for slowdown in SLOWDOWNS),
        _slowdown(*trials.detectable()),
        f"{100 * trials.error:.2f} %" if len(trials.estimates) > 1 else "–",
        _proportion(trials.unchanged) if trials.unchanged else "–",
    ]


def _gate_targets(result: Calibration) -> Iterator[list[str]]:
    for rule, setup in product(("ab", "compare"), _SETUPS_WITH_TARGET):
        trials, slowdown = result.of(rule, setup), TARGET_SLOWDOWNS[setup.seconds]
        where = f"{rule}, {setup.seconds:g} s a pair"
        rare, powerful = (
            f"false alarms at most {100 * TARGET_FALSE_ALARMS:g} %",
            f"detects {100 * slowdown:g} % in 95 %",
        )
        if trials is None:
            yield [f"{where}: {rare}; {powerful}", "too few records", "not shown"]
            continue
        false_alarms, power = trials.detection(0.0), trials.detection(slowdown)
        yield [
            f"{where}: {rare}",
            _detection(trials, 0.0),
            _target_result(false_alarms.high <= TARGET_FALSE_ALARMS, false_alarms.share <= TARGET_FALSE_ALARMS),
        ]
        yield [
            f"{where}: {powerful}",
            _detection(trials, slowdown),
            _target_result(
                power.low >= TARGET_POWER,
                power.share >= TARGET_POWER,
                (trials.expected(slowdown) or 0.0) >= TARGET_POWER,
            ),
        ]
    for setup in _SETUPS_WITH_TARGET:
        ours, theirs = result.of("ab", setup), result.of(next(iter(PEERS)), setup)
        if ours is not None and theirs is not None and len(ours.estimates) > 1 < len(theirs.estimates):
            ratio = theirs.error / ours.error
            yield [
                f"{setup.seconds:g} s a pair: error {TARGET_ERROR_RATIO:g} times smaller than with sequential timing",
                f"{ratio:.1f} times ({100 * ours.error:.2f} % and {100 * theirs.error:.2f} %)",
                _target_result(ratio >= TARGET_ERROR_RATIO, False),
            ]


def _missed(result: Calibration) -> Iterator[str]:
    """The interval widths of the invocations of ``ab`` that missed a target, beside those of all invocations."""
    for setup in _SETUPS_WITH_TARGET:
        trials, slowdown = result.of("ab", setup), TARGET_SLOWDOWNS[setup.seconds]
        if trials is not None and (missed := trials.missed(slowdown)):
            half_widths = sorted(trials.half_widths)
            yield (
                f"`ab`, {setup.seconds:g} s a pair: the invocations that missed {100 * slowdown:g} % have intervals of "
                f"{', '.join(map(_half_width, missed))}. The median over all invocations is "
                f"{_half_width(half_widths[len(half_widths) // 2])}, and the widest is {_half_width(half_widths[-1])}."
            )


def _half_width(log_ratio: float) -> str:
    return f"±{100 * log_ratio:.1f} %"


def _detection(trials: Trials, slowdown: float) -> str:
    """The observed and the expected detection rate of a slowdown."""
    expected = trials.expected(slowdown)
    suffix = f"; {100 * expected:.3g} % expected" if expected is not None else ""
    return f"{_proportion(trials.detection(slowdown))}{suffix}"


def _target_result(significantly: bool, observed: bool, expected: bool = True) -> str:
    """Whether a target is met.

    Args:
        significantly: whether the interval meets the target.
        observed: whether the observed rate meets it.
        expected: whether the expected rate meets it.
    """
    if significantly or not observed:
        return "yes" if significantly else "no"
    return f"observed, but {'too few invocations to show it' if expected else 'not expected at this spread'}"


def _setup(setup: Setup) -> str:
    return f"{setup.seconds:g} ({setup.processes})"


def _proportion(result: Proportion) -> str:
    return f"{100 * result.share:.0f} % [{100 * result.low:.0f}, {100 * result.high:.0f}]"


def _slowdown(*bounds: float) -> str:
    point, low, high = (f"{100 * bound:.1f} %" if math.isfinite(bound) else "none" for bound in bounds)
    return f"{point} [{low}, {high}]"
