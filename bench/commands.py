"""What each command does, told in the order it does it."""

import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bench.errors import InputError
from bench.suite.axes import PLACEMENTS
from bench.suite.measures import MEASURES
from bench.suite.plan import Group, Plan
from simam.registry import ATTENTION, BACKBONES

if TYPE_CHECKING:
    from bench.results.sides import Verdict
    from bench.run.doctor import Finding


def run_suite(plan: Plan, out: Path | None, device: str) -> bool:
    """Measure a plan into a new folder and report it. Returns whether anything failed."""
    from bench.run.session import begin

    console = Console(stderr=True)
    return _finish(begin(plan, out, device, console), console)


def resume_run(folder: Path, only: list[str], retry_failed: bool, device: str) -> bool:
    """Measure what is missing in the folder of an earlier run and report all of it. Returns whether anything failed."""
    from bench.run.session import resume

    console = Console(stderr=True)
    return _finish(resume(folder, only, retry_failed, device, console), console)


def _finish(folder: Path, console: Console) -> bool:
    from bench.report.markdown import markdown
    from bench.reports import report_of, save
    from bench.results.record import read_records
    from bench.run.directory import RunDirectory

    report = report_of([folder])
    print(markdown(report.page))
    with RunDirectory(folder):
        save(report, folder, ["md"])
    failed = sum(record.status == "failed" for record in read_records(folder / "records.jsonl"))
    if failed:
        console.print(f"{failed} measurements failed; the report says which and why")
    console.print(f"report: {escape(str(folder / 'report.md'))}", soft_wrap=True)
    return failed > 0


def show_plan(plan: Plan, resolve: float | None = None, spread: str | None = None) -> None:
    """Print the groups of a plan, their variants, what they will take, and how many seeds they need.

    Args:
        plan: the plan.
        resolve: a difference in points of accuracy that is to be found; None where nobody asks.
        spread: how much such differences scatter from seed to seed, in points, or the folder of a run that shows it.
    """
    from bench.run.directory import RUNS
    from bench.run.prices import prices_from

    console = Console()
    console.print(f"{plan.suite.name}: {plan.suite.title}", markup=False, highlight=False)
    for group in plan.groups:
        repeats = len(group.seeds)
        head = f"\n{group.measure.name}  {group.id}  {repeats} repeat{'s' if repeats > 1 else ''}"
        console.print(head, markup=False, highlight=False, soft_wrap=True)
        for line in _members(group):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
    units, prices = list(plan.units()), prices_from(RUNS)
    known = sum(map(prices.knows, units))
    source = f"{known} of {len(units)} priced by earlier runs in runs/" if known else "a guess: no earlier run to go by"
    took = _duration(sum(map(prices, units)))
    console.print(f"\n{len(plan.groups)} groups, {len(units)} units of work, about {took} ({source})", highlight=False)
    if resolve is not None:
        console.print(_seeds_needed(plan, resolve, spread), highlight=False, soft_wrap=True)


DEFAULT_SPREAD = 0.25
"""Points; the standard deviation of paired differences that is assumed where nobody says one."""


def _seeds_needed(plan: Plan, resolve: float, spread: str | None) -> str:
    """How many seeds find a difference, in a sentence."""
    from bench.results.gains import resolving_seeds

    groups = [group for group in plan.groups if group.measure.name == "accuracy"]
    if not groups:
        raise InputError("--resolve is about accuracy, and the suite does not measure it")
    if not 0 < resolve < 100:
        raise InputError(f"--resolve {resolve:g}: a difference is more than 0 and less than 100 points")
    family = max(1, sum(len(group.variants) for group in groups))
    scatter, source = _spread(spread)
    seeds = resolving_seeds(resolve, scatter, family)
    needed = f"{seeds} seeds are needed" if seeds else "more than a thousand seeds are needed"
    there = max(len(group.seeds) for group in groups)
    return (
        f"\nto find a difference of {resolve:g} points in 80 % of runs, among {family} variants, {needed}; "
        f"the suite has {there} (differences scatter by {scatter:.2g} points from seed to seed, {source})"
    )


def _spread(given: str | None) -> tuple[float, str]:
    """How much differences scatter from seed to seed, in points, and where that is from."""
    if given is None:
        return DEFAULT_SPREAD, "assumed; --spread says it better"
    try:
        scatter = float(given)
    except ValueError:
        return _spread_seen(Path(given)), f"as in {given}"
    if not 0 < scatter < 100:
        raise InputError(f"--spread {given}: write points, more than 0 and less than 100, or the folder of a run")
    return scatter, "as given"


def _spread_seen(folder: Path) -> float:
    from bench.results.estimates import estimate
    from bench.results.gains import spread_of
    from bench.run.stored import read_run

    seen = spread_of(estimate(read_run(folder).frame))
    if seen is None:
        raise InputError(f"--spread {folder}: that run has no variant with accuracies of two seeds or more that differ")
    return seen


def compare_folders(base: Path, new: Path, accept: list[str], form: str, github: bool, strict: bool) -> int:
    """Compare two runs and show the verdicts. Returns the exit code."""
    from bench.run.stored import compare

    page = _job_summary(form) if github else None
    return _tell(compare(base, new, accept), form, page, strict)


def compare_revisions(
    plan: Plan, revisions: tuple[str, str], out: Path | None, device: str, form: str, github: bool, strict: bool
) -> int:
    """Measure two revisions in pairs and show the verdicts. Returns the exit code."""
    from bench.reports import sides_page
    from bench.run import revisions as paired
    from bench.run.directory import RunDirectory
    from bench.run.stored import judge_sides

    page, console = _job_summary(form) if github else None, Console(stderr=True)
    folder = paired.compare_revisions(plan, revisions, Path.cwd(), out, device, console)
    verdicts = judge_sides(folder)
    with RunDirectory(folder) as held:
        held.write("report.md", sides_page(folder, verdicts))
    code = _tell(verdicts, form, page, strict)
    console.print(f"report: {escape(str(folder / 'report.md'))}", soft_wrap=True)
    return code


def _tell(verdicts: "list[Verdict]", form: str, page: Path | None, strict: bool) -> int:
    from bench.report import verdicts as told
    from bench.results.compare import exit_code

    code = exit_code(verdicts, strict)
    if form == "markdown":
        print(told.markdown(verdicts))
    elif form == "json":
        print(told.as_json(verdicts, code))
    else:
        # Piped, a line is as long as it has to be; nothing is cut off.
        console = Console() if sys.stdout.isatty() else Console(width=1000)
        console.print(told.terminal(verdicts))
        console.print(f"\n{told.summary(verdicts)}", markup=False, highlight=False)
    if page is not None:
        with page.open("a", encoding="utf-8") as file:
            file.write(told.markdown(verdicts))
        print(told.annotations(verdicts), end="")
    return code


def _job_summary(form: str) -> Path:
    """Where a job on GitHub wants its summary; looked for before anything is measured."""
    if form == "json":
        raise InputError(
            "--github prints annotations among the lines: it goes with terminal or markdown, not with json"
        )
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        raise InputError(
            "--github is for a job of GitHub Actions, where GITHUB_STEP_SUMMARY names a file; it is not set"
        )
    try:
        with Path(path).open("a", encoding="utf-8"):
            return Path(path)
    except OSError as error:
        raise InputError(f"cannot write GITHUB_STEP_SUMMARY, {path}: {error.strerror or error}") from error


def calibrate(compare: Plan, ab: Plan, folder: Path, rounds: int, device: str) -> None:
    """Record rounds of code against itself and of slowed code, and write down what every gate makes of them."""
    from bench.report.calibration import render
    from bench.results.calibration import calibrated
    from bench.run.calibrate import read, record
    from bench.run.directory import write_whole

    console = Console(stderr=True)
    record(compare, ab, folder, rounds, device, console)
    kinds = read(folder)
    console.print("judging windows of the records", highlight=False)
    seen = calibrated(kinds["run"], [run.frame for run in kinds["same"]], [run.frame for run in kinds["slowed"]])
    # The revisions of the comparisons are of a repository that was made for them; what is real is the runs' own.
    environments = {id_: each for run in kinds["run"] for id_, each in run.environments.items()}
    page = render(seen, sum(map(len, kinds.values())), environments, f"python -m bench calibrate {folder}")
    print(page)
    write_whole(folder / "report.md", page)


def show_names(kinds: Iterable[str]) -> None:
    """Print the names of each kind, one a line."""
    for kind in kinds:
        print(f"{kind}:")
        for line in _names(kind):
            print(f"  {line}")


def examine(device: str) -> bool:
    """Print what speaks for and against measuring on this machine. Returns whether it is fit."""
    from bench.run.checkup import read_facts
    from bench.run.doctor import diagnose
    from bench.run.executor import LocalProcesses

    progress = Console(stderr=True)
    with LocalProcesses() as execute:
        facts = read_facts(device, execute, partial(progress.print, markup=False, highlight=False))
    findings = diagnose(facts)
    show = _findings_in_table if sys.stdout.isatty() else _findings_in_lines
    show(findings)
    wrong = [finding.name for finding in findings if finding.fine is False]
    print(f"not fit to measure on: {', '.join(wrong)}" if wrong else "fit to measure on")
    return not wrong


def _findings_in_table(findings: "Sequence[Finding]") -> None:
    table = Table(show_header=False, box=box.HORIZONTALS)
    for finding in findings:
        remedy = f"\n[bold]{escape(finding.remedy)}[/]" if finding.remedy else ""
        table.add_row(FIT[finding.fine], finding.name, escape(finding.seen) + remedy, style=STYLES[finding.fine])
    Console(highlight=False).print(table)


def _findings_in_lines(findings: "Sequence[Finding]") -> None:
    for finding in findings:
        print(f"{FIT[finding.fine]:<9}{finding.name:<17}{finding.seen}")
        if finding.remedy:
            print(f"{'':<9}{'remedy:':<17}{finding.remedy}")


def _names(kind: str) -> list[str]:
    registries: dict[str, Any] = {"attention": ATTENTION, "backbones": BACKBONES, "measures": MEASURES}
    if kind in registries:
        return list(registries[kind])
    if kind == "placements":
        return [*PLACEMENTS, "{layers: glob}"]
    return [str(path) for path in sorted(Path("suites").glob("*.yaml"))]


def _members(group: Group) -> list[str]:
    lines = [f"{group.baseline.id}  baseline", *(cell.id for cell in group.variants)]
    return [*lines, f"{group.baseline.id}  twin"] if group.timed else lines


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


FIT = {True: "fine", False: "not fine", None: "unknown"}
"""How a finding's ``fine`` reads."""
STYLES = {True: "", False: "red", None: "dim"}
"""How it looks in a terminal."""
