"""The whole page: its sections, and the escaping of names."""

import re
from pathlib import Path

from bench.report.blocks import Block, BulletList, Details, Heading, Table, TableCell
from bench.report.formats.markdown import page_markdown
from bench.report.page import SECTIONS, compose
from bench.report.sections.sources import sources
from bench.store.environment import Environment
from tests.bench.report.example_run import example_report
from tests.bench.report.timed_run import timed_records, with_axes
from tests.factories import FACTS, failed, stored_run

EVIL = "a|b`c*<script>[x](y)_[/red]::error::"


def headings(blocks: list[Block]) -> list[str]:
    return [block.text for block in blocks if isinstance(block, Heading)]


def test_sections_in_order() -> None:
    assert headings(list(example_report().page.blocks)) == [
        "At a glance",
        "Accuracy",
        "Details",
        "Published and measured",
        "Timing and A/A controls",
        "Environment",
        "Reproduce",
    ]


def test_every_section_file_has_its_section() -> None:
    names = {section.__name__: section.__module__.rpartition(".")[2] for section in SECTIONS}
    assert all(name == module for name, module in names.items()) and len(names) == len(SECTIONS)


def test_page_without_title_is_named_after_the_folder() -> None:
    assert compose([stored_run(Path("runs/mine"), timed_records(), title="")]).page.title == "mine"


def test_names_of_users_stay_text() -> None:
    records = [with_axes(record, attention=EVIL) if record.role == "variant" else record for record in timed_records()]
    broken = failed(f"{EVIL}\n# heading", cell=EVIL, repeat=9)
    environment = Environment({**FACTS, "cpu": EVIL}, {"load": None})
    suite = f"name: t # ```{EVIL}\n"
    run = stored_run(Path("a"), [*records, broken], title=EVIL, suite=suite, environment=environment)
    prose, fence, block = page_markdown(compose([run]).page).partition("````yaml\n")
    assert fence and "\n````\n" in block
    for line in prose.splitlines():
        assert "<script>" not in line.replace("\\<script\\>", "")
        assert not line.startswith("# heading")
    table = [line for line in prose.splitlines() if line.startswith("|")]
    for rows in (table[:4], table[4:]):  # at a glance, and all costs
        assert len(rows) == 4 and len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1


def test_records_behind_the_tables() -> None:
    table = Table(["a"], [[TableCell("1")]], "3 of latency in a")
    blocks: list[Block] = [Heading("H"), table, Details("more", [table]), Heading("I"), Table(["a"], [])]
    [details] = sources(blocks)
    assert isinstance(details, Details)
    assert details.blocks == [BulletList(["H: 3 of latency in a", "more: 3 of latency in a"])]
    assert list(sources([Heading("H")])) == []
