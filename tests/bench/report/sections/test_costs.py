"""The tables of costs: rows, columns and cells."""

import msgspec
import pytest

from bench.report.blocks import BulletList, Details, Heading, Paragraph, Table
from bench.report.rows import ValueRow, join_values
from bench.report.sections.costs import cost_table, costs, split_rows
from bench.results.columns import AXIS_COLUMNS
from bench.results.values import VALUES
from bench.store.record import MeasuredRecord, Value
from tests.bench.comparisons import comparison, exact
from tests.bench.report.example_run import record as example_record
from tests.bench.report.opened import opened
from tests.bench.report.timed_run import report_data, timed_records, with_axes


def table_of(*records: MeasuredRecord) -> Table:
    return cost_table(join_values(report_data(records).costs))


def column(table: Table, heading: str) -> list[str]:
    index = list(table.headings).index(heading)
    return [row[index].text for row in table.rows]


def params(attention: str, count: int) -> MeasuredRecord:
    """Parameters, which are read on fewer axes than a latency."""
    made = example_record("complexity", attention, Value("params", "1", (count,)))
    assert isinstance(made, MeasuredRecord)
    return with_axes(made, mode=None, execution=None, batch=None, dtype=None, memory_format=None)


def with_values(record: MeasuredRecord, *values: Value) -> MeasuredRecord:
    return msgspec.structs.replace(record, values=(*record.values, *values))


def test_coarser_measures_join_finer_rows() -> None:
    table = table_of(*timed_records(), params("none", 1_000_000), params("simam", 1_000_003))
    assert column(table, "module") == ["plain", "SimAM"]  # neither the control nor the coarser measure adds a row
    assert column(table, "params (Δ)") == ["1.000 M", "1.000 M (+3)"]
    assert column(table, "latency Δ % [95 % CI]") == ["baseline", "+6.1 % [6.1, 6.1]"]
    assert column(table, "images/s") == ["100", "94.25"]


def test_changes_are_sorted_by_numbers() -> None:
    table = table_of(*timed_records({"simam": 1.061, "se": 0.9}))
    index = list(table.headings).index("latency Δ % [95 % CI]")
    assert [row[index].number for row in table.rows] == pytest.approx([0.0, 6.1, -10.0])


def test_default_threads_are_a_label_of_their_own() -> None:
    alone = [
        with_axes(timed, cell="/t1", group="/t1", threads=1) for timed in timed_records() if timed.role == "baseline"
    ]
    table = table_of(*timed_records(), *alone)
    pairs = zip(column(table, "module"), column(table, "threads"), strict=True)
    assert sorted(pairs) == [("SimAM", ""), ("plain", ""), ("plain", "1")]


def test_fixed_conditions_stand_above_the_table() -> None:
    heading, details, *_ = costs(report_data(timed_records()))
    assert heading == Heading("Details") and isinstance(details, Details) and details.summary.startswith("ResNet-18:")
    fixed, table = details.blocks
    assert isinstance(table, Table) and "batch" not in table.headings
    assert isinstance(fixed, Paragraph) and "eager, batch 1, 224 px, fp32" in fixed.text


def test_each_run_has_its_own_tables() -> None:
    blocks = costs(report_data(timed_records(), timed_records()))
    summaries = [block.summary for block in blocks if isinstance(block, Details)]
    assert [summary.partition(":")[0] for summary in summaries[:2]] == ["ResNet-18, a", "ResNet-18, b"]


def test_tables_are_open_without_a_table_at_a_glance() -> None:
    users = [with_values(timed, Value("pause", "s", (0.5,))) for timed in timed_records()]
    alone = [msgspec.structs.replace(record, values=record.values[1:]) for record in users]
    heading, _, table, *_ = costs(report_data(alone))
    assert heading == Heading("ResNet-18") and isinstance(table, Table)


def test_compile_time_has_no_ratio() -> None:
    extra = (Value("compile_time", "s", (2.0,)), Value("graph_breaks", "1", (0,)))
    table = table_of(*(with_values(timed, *extra) for timed in timed_records()))
    assert list(table.headings)[-2:] == ["compile time (p5–p95)", "graph breaks (Δ)"]
    assert column(table, "compile time (p5–p95)")[1] == "2.000 s (2.000 s–2.000 s)"
    assert column(table, "graph breaks (Δ)")[1] == "0 (+0)"


def test_values_of_users_follow_the_known_ones() -> None:
    extra = (Value("weight", "1", (7,)), Value("pause", "s", (0.5,)), Value("disk", "B", (1000,)))
    table = table_of(*(with_values(timed, *extra) for timed in timed_records()))
    assert list(table.headings)[-5:] == [
        "latency Δ % [95 % CI]",
        "weight (Δ)",
        "pause (p5–p95)",
        "pause Δ % [95 % CI]",
        "disk (×)",
    ]


def test_every_value_in_the_tables_is_described() -> None:
    blocks = list(costs(report_data([*timed_records(), params("none", 1)])))
    [descriptions] = (block.items for block in opened(blocks) if isinstance(block, BulletList))
    assert [item.partition(":")[0] for item in descriptions] == [VALUES[name].title for name in ("params", "latency")]


def test_elementwise_ops_have_a_ratio() -> None:
    plain = comparison("none", "complexity", "elementwise_ops", absolute=exact(100))
    simam = comparison(
        "simam", "complexity", "elementwise_ops", absolute=exact(250), ratio=exact(2), difference=exact(150)
    )
    assert column(cost_table(join_values([plain, simam])), "elementwise ops (×)") == ["100", "250 (×2.000)"]


def test_placements_with_equal_cells_share_a_row() -> None:
    members = [
        comparison("simam", "memory", "peak_bytes", "B", absolute=exact(count), placement=placement)
        for placement, count in (("spatial", 40_000_000), ("branch_end", 40_000_001), ("stage_end", 50_000_000))
    ]
    assert column(cost_table(join_values(members)), "placement") == ["spatial, branch_end", "stage_end"]


def test_many_conditions_are_collapsed() -> None:
    rows = [
        ValueRow("r", {**dict.fromkeys(AXIS_COLUMNS), "mode": mode, "batch": batch, "attention": str(name)})
        for mode in ("inference", "training")
        for batch in (1, 2, 3)
        for name in range(9)
    ]
    shown, others = split_rows(rows)
    assert {(row.axes["mode"], row.axes["batch"]) for row in shown} == {("inference", 1), ("training", 1)}
    assert len(shown) == 18 and len(shown) + len(others) == len(rows)
    few, none = split_rows(rows[:40])
    assert (len(few), none) == (40, [])


def test_collapsed_conditions_are_in_details() -> None:
    records = [
        with_axes(timed, cell=f"/{batch}", group=f"/{batch}", batch=batch)
        for batch in range(1, 22)
        for timed in timed_records(processes=2)
    ]
    _, network, *_ = costs(report_data(records))
    assert isinstance(network, Details)
    _, shown, others = network.blocks
    assert isinstance(shown, Table) and isinstance(others, Details)
    [collapsed] = others.blocks
    assert isinstance(collapsed, Table) and (len(shown.rows), len(collapsed.rows)) == (2, 40)
