"""The two sides of a comparison of revisions."""

from pathlib import Path

import pytest

from bench.errors import RunError
from bench.store.sides import FILE, ComparedRevision, read_sides, sides_as_json

SIDES = {"A": ComparedRevision("main", "1" * 40, "e"), "B": ComparedRevision("mine", "2" * 40)}


def test_sides_are_read_back(tmp_path: Path) -> None:
    assert read_sides(tmp_path) == {}
    (tmp_path / FILE).write_text(sides_as_json(SIDES), encoding="utf-8")
    assert read_sides(tmp_path) == SIDES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (sides_as_json({"A": SIDES["A"]}), "it names 1 of two sides"),
        (sides_as_json({**SIDES, "C": SIDES["B"]}), "it names 3 of two sides"),
        ('{"A": {"revision": "main"}, "B": {"revision": "mine"}}', "'commit'"),
        ('{"A": {"revision": 3, "commit": "1"}}', "revision of A is 3"),
        ("{", "Expecting property name"),
    ],
)
def test_damaged_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=rf"sides\.json is damaged: .*{message}"):
        read_sides(tmp_path)
