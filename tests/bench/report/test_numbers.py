import pytest

from bench.report.numbers import enumerated, escape_markdown, format_quantity, percent, ratio
from bench.results.statistics import Estimate


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0.052104, "s", "52.10 ms"),
        (11_689_512, "1", "11.69 M"),
        (1_814_073_344, "1", "1.814 G"),
        (3, "1", "3"),
        (0, "1", "0"),
        (999, "B", "999 B"),
        (1.25e-7, "s", "125.0 ns"),
        (0.0, "s", "0.000 s"),
        (2.5, "s", "2.500 s"),
    ],
)
def test_quantities(number: float, unit: str, text: str) -> None:
    assert format_quantity(number, unit) == text


def test_ratios_and_percentages() -> None:
    estimate = Estimate(1.0612, 1.0541, 1.0683, "t")
    assert percent(estimate) == "+6.1 % [5.4, 6.8]"
    assert ratio(estimate) == "×1.061 [1.054, 1.068]"
    assert percent(Estimate(0.99, 0.985, 0.995, "t")) == "−1.0 % [−1.5, −0.5]"
    assert percent(Estimate(1.01, None, None, "t")) == "+1.0 % [no interval]"


def test_enumerations() -> None:
    assert [enumerated(items) for items in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_names_cannot_break_a_table() -> None:
    assert escape_markdown("a|b<script>_c\n") == r"a\|b\<script\>\_c "


def test_only_brackets_of_links_are_escaped() -> None:
    assert escape_markdown("+6.1 % [5.4, 6.8] (so)") == "+6.1 % [5.4, 6.8] (so)"
    assert escape_markdown("[x](y) [x][y] [x]: y") == r"[x\](y) [x\][y] [x\]: y"
