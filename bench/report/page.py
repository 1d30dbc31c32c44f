"""Records → what their report says, block by block, in no format."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pandas as pd
from ruamel.yaml import YAML

from bench.report import accuracy, counts, summary, table, work
from bench.report.content import Block, Code, Figure, Folded, Heading, Page, Points, Text
from bench.report.format import quantity
from bench.report.names import network_name
from bench.report.overview import conflicts, overview
from bench.report.published import agreement
from bench.report.seen import Seen, look
from bench.report.sources import Run, caveats
from bench.results.estimates import Comparison

COUNTED_NOTE = "Counts are multiples of the baseline's, the least and the most over all places and conditions below."
OVERVIEW_NOTE = (
    "Of each network as it is usually run (eager, fp32) where that was measured, under the conditions that were "
    "measured first; the tables below have the others."
)
MARKED_NOTE = (
    "Bold: the best module, and those that were not shown to differ from it (paired, p < 0.05, Holm over the network's "
    "others; what was measured apart is not tested); of accuracies only what is better than the baseline."
)
TABLES_NOTES = (
    (
        {"params", "macs", "elementwise_ops", "bytes_moved", "operators"},
        "Counts are exact and of one call: in training of a whole step, on the whole batch. MACs are the multiply-adds "
        "of convolution, linear and matmul (one is 1); other operations are all other arithmetic; bytes moved are what "
        "every operator of the eager program reads and writes; operators are what the dispatcher runs. How they are "
        "counted: docs/counting.md.",
    ),
    (
        {"saved_bytes", "live_peak_bytes"},
        "Saved for backward is what autograd keeps of a forward pass in training mode, live at the peak what a call "
        "holds at most.",
    ),
    ({"fvcore_flops", "torch_flops"}, "fvcore's total and torch's counter are of a forward pass of one image."),
    (
        {"latency"},
        "A latency ratio is the mean over fresh processes of the median ratio within a round, with its unadjusted 95 % "
        "Student-t interval over processes; the latency beside it is the median with the 5th and 95th percentile of "
        "all samples.",
    ),
)
"""Values → how they are to be read, where one of them is in a table."""


@dataclass(frozen=True)
class Report:
    """A page, and all that it was made from.

    Args:
        page: for people.
        every: for programs.
    """

    page: Page
    every: Sequence[Comparison]


def report(frame: pd.DataFrame, runs: Sequence[Run]) -> Report:
    """What the records of one or several runs say.

    Args:
        frame: the runs' records, from :func:`bench.results.frame.load_frame`.
        runs: the same runs.
    """
    seen = look(frame, runs)
    parts = (_findings, _overview, _gains, _tables, _published, _certainty, _trouble, _environments, _reproduce)
    blocks = [block for part in parts for block in part(seen)]
    page = Page(runs[0].title or runs[0].path.resolve().name, [*blocks, *_sources(blocks)])
    return Report(page, seen.every)


def _findings(seen: Seen) -> Iterator[Block]:
    judged = [*accuracy.sentences(seen.every, seen.gains), *summary.sentences(seen.costs, seen.threshold)]
    counted = [] if judged else [*counts.sentences(seen.costs)]
    agreed = [agreement(seen.published)] if counted and seen.published else []
    yield Points([*judged, *counted, *agreed])
    if counted:
        yield Text(COUNTED_NOTE)


def _overview(seen: Seen) -> Iterator[Block]:
    from bench.report.figures.forest import forest
    from bench.report.figures.pareto import pareto

    if (found := overview(seen.every, seen.gains, seen.threshold)) is not None:
        yield Heading("At a glance")
        yield found
        marked = any(cell.best for row in found.rows for cell in row)
        yield Text(f"{OVERVIEW_NOTE} {MARKED_NOTE}" if marked else OVERVIEW_NOTE)
    yield from _first(forest(seen))
    yield from _first(pareto(seen))
    remarks = [*caveats(seen.runs), *conflicts(seen.every, found is not None)]
    if remarks:
        yield Text("To be known when reading:")
        yield Points([f"{remark}." for remark in remarks])


MOST_FIGURES = 6
"""Of one kind; drawing takes longer than all the rest, and nobody reads more."""


def _first(figures: Iterator[Figure]) -> Iterator[Block]:
    yield from islice(figures, MOST_FIGURES)
    if next(figures, None) is not None:
        yield Text(f"These are the first {MOST_FIGURES} of them; the others are in the tables only.")


def _gains(seen: Seen) -> Iterator[Block]:
    from bench.report.figures.curves import curves
    from bench.report.figures.placement import placement
    from bench.report.figures.sweep import sweep

    yield from accuracy.blocks(seen.every, seen.gains)
    for draw in (sweep, placement, curves):
        yield from _first(draw(seen))


def _tables(seen: Seen) -> Iterator[Block]:
    from bench.report.figures.memory import memory
    from bench.report.figures.roofline import roofline

    for run, machine in seen.machines.items():
        yield Text(
            f"The machine{f' of {run}' if len(seen.runs) > 1 else ''} copies {quantity(machine.bandwidth, 'B/s')}, "
            f"read plus written, and multiplies {quantity(machine.rate, 'FLOP/s')} in fp32, at best. What does fewer "
            f"than {machine.ridge:.1f} operations for each byte that it moves waits for memory."
        )
    networks: dict[str, list[table.Row]] = {}
    for row in table.rows(seen.costs):
        networks.setdefault(_network(row.run, row.axes, seen), []).append(row)
    added = _added(seen)
    for heading, rows in networks.items():
        shown, more = table.folded(rows)
        yield Heading(heading)
        if alike := table.fixed(shown):
            yield Text(f"All rows: {alike}.")
        yield table.table(shown)
        if heading in added:
            yield from added[heading]
        if more:
            yield Folded("under other conditions", table.table(more))
    if networks:
        there = {value for rows in networks.values() for row in rows for value in row.values}
        notes = [note for values, note in TABLES_NOTES if values & there]
        yield Text(" ".join(["Δ and × are against the group's baseline.", *notes]))
    yield from _first(memory(seen))
    yield from _first(roofline(seen))


def _network(run: str, axes: Mapping[str, Any], seen: Seen) -> str:
    """The heading that something is told under."""
    return f"{network_name(axes['backbone'])}{f', {run}' if len(seen.runs) > 1 else ''}"


def _added(seen: Seen) -> dict[str, list[Block]]:
    """By heading, what the modules add to the network under its first conditions; the others go the same way."""
    groups: dict[tuple[str, str], list[Comparison]] = {}
    for each in seen.costs:
        if each.measure == "complexity":
            groups.setdefault((each.run, each.group), []).append(each)
    found: dict[str, list[Block]] = {}
    for (run, _), group in groups.items():
        heading = _network(run, group[0].axes, seen)
        sentences = [] if heading in found else list(work.sentences(group, seen.machines.get(run)))
        if sentences:
            lead = Text(f"What a module adds ({summary.conditions(group[0], group[0])}):")
            found[heading] = [lead, Points(sentences)]
    return found


def _published(seen: Seen) -> Iterator[Block]:
    if seen.published is not None:
        yield Heading("Published and measured")
        yield seen.published


def _certainty(seen: Seen) -> Iterator[Block]:
    from bench.report.figures.trace import trace

    timing = list(_timing(seen))
    controls = list(summary.controls(seen.costs, seen.threshold))
    if timing or controls:
        yield Heading("How sure")
    for sentence in timing:
        yield Text(f"Timing: {sentence}")
    if controls:
        yield Text(
            "A/A control, a second and identical build of the baseline measured in the same rounds. It passes where "
            "its whole interval lies within the threshold; ±1 % is a ratio of 1/1.01 to 1.01:"
        )
        yield Points(controls)
    yield from _first(trace(seen))
    if uncounted := work.uncounted(seen.costs):
        yield Text(f"Not in the other operations, since their arithmetic is not known: {', '.join(uncounted)}.")


def _timing(seen: Seen) -> Iterator[str]:
    """How the timed values of each run were sampled, in a sentence."""
    timed = seen.frame[(seen.frame["measure"] == "latency") & (seen.frame["value"] == "latency")]
    for run, rows in timed.groupby("run", sort=False):
        rounds = [details["rounds"] for details in rows["details"]]
        stopped = [details["stopped_by"] for details in rows["details"]]
        where = f"in {run}, " if len(seen.runs) > 1 else ""
        repeats = rows.groupby("group")["repeat"].nunique()  # fewer where a run was ended early
        yield (
            f"{where}{_span(repeats)} fresh processes a group, {_span(rounds)} rounds in each; sampling ended at its "
            f"target in {stopped.count('target')} of {len(stopped)} records, else at its budget."
        )


def _span(counts: Iterable[int]) -> str:
    """Such as "8", or "8 to 64"."""
    return " to ".join(map(str, dict.fromkeys((min(counts), max(counts)))))


def _trouble(seen: Seen) -> Iterator[Block]:
    wrong = seen.frame[(seen.frame["status"] != "ok") | seen.frame["reason"].notna()]
    if len(wrong):
        yield Heading("What failed or was skipped")
        yield Points([_wrong(row, len(seen.runs) > 1) for row in wrong.to_dict("records")])


def _wrong(row: Mapping[Any, Any], several_runs: bool) -> str:
    control = ", the control" if row["role"] == "twin" else ""
    run = f" of {row['run']}" if several_runs else ""
    # Where all went well but for one value, the reason is that value's.
    what = f"{row['value']} could not be read" if row["status"] == "ok" else row["status"]
    return f"{row['cell']}{control}, {row['measure']}, repeat {row['repeat']}{run}: {what}: {row['reason']}"


def _environments(seen: Seen) -> Iterator[Block]:
    yield Heading("Environment")
    yield Points(
        [_environment(run, id_, each) for run in seen.runs for id_, each in run.environments.items()],
    )


def _environment(run: Run, id_: str, environment: Mapping[str, Any]) -> str:
    facts, load = environment["facts"], environment["state"]["load"]
    packages = "".join(f", {package} {version}" for package, version in facts["packages"].items() if version)
    return (
        f"{run.path.resolve().name}: {facts['cpu']}, {facts['cores']} cores ({facts['threads']} threads used by "
        f"torch), {quantity(facts['memory_bytes'], 'B')} memory{', ' + facts['gpu'] if facts['gpu'] else ''}; "
        f"{facts['system']}; Python {facts['python']}{packages}. "
        f"Load at the start: {f'{load[0]:.2f}' if load else 'not known'}. Environment {id_}."
    )


def _reproduce(seen: Seen) -> Iterator[Block]:
    yield Heading("Reproduce")
    if len(seen.runs) > 1:
        yield Code("sh", f"python -m bench report {shlex.join(str(run.path) for run in seen.runs)} --out DIR\n")
    for run in seen.runs:
        facts = run.facts
        remark = "  # plus changes that were not committed" if facts["dirty"] else ""
        checkout = f"git checkout {facts['revision']}{remark}\n" if facts["revision"] else ""
        command = f"python -m bench run suite.yaml --device {facts['device']}\n"
        yield Code("sh", f"{checkout}pip install -e .\n{_images(seen, run)}{command}")
        yield Text("with this suite.yaml:")
        yield Code("yaml", run.suite)


def _images(seen: Seen, run: Run) -> str:
    """The line that says where a run looks for its images; none where it needs none, or its suite says it."""
    learned = set(seen.frame.loc[seen.frame["run"] == str(run.path), "dataset"].dropna())
    told = (YAML(typ="safe").load(run.suite).get("data") or {}).get("root")
    if told or learned <= {"digits"}:
        return ""
    return "export BENCH_DATA=/path/to/data  # the folder of your data sets, see docs/accuracy.md\n"


def _sources(blocks: Sequence[Block]) -> Iterator[Block]:
    """Which records each table was made from, the tables by their headings."""
    heading, found = "", []
    for block in blocks:
        if isinstance(block, Heading):
            heading = block.text
        own = block.table if isinstance(block, Folded) else block
        if records := getattr(own, "records", ""):
            found.append(f"{heading}{', folded' if isinstance(block, Folded) else ''}: {records}")
    if found:
        yield Text("Records that the tables were made from:")
        yield Points(found)
