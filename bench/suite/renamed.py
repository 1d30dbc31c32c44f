"""Names of values and options that have changed. Suites and records with the old names still load."""

from typing import Any

RENAMED_VALUES = {
    "live_peak_bytes": "peak_bytes",
    "allocator_peak_bytes": "peak_allocated_bytes",
    "reserved_peak_bytes": "peak_reserved_bytes",
}
"""Old name of a value → current name."""
RENAMED_OPTIONS = {"accuracy": {"judge": "eval_on"}}
"""Measure → old name of an option → current name."""


def rename(suite: Any) -> Any:
    """Replace the old names in a suite's plain data; data of an unexpected shape is returned unchanged."""
    if not isinstance(suite, dict):
        return suite
    renamed = dict(suite)
    if isinstance(gate := suite.get("gate"), dict):
        renamed["gate"] = {RENAMED_VALUES.get(name, name): threshold for name, threshold in gate.items()}
    if isinstance(measures := suite.get("measures"), dict):
        renamed["measures"] = {name: _rename_options(name, options) for name, options in measures.items()}
    return renamed


def _rename_options(measure: str, options: Any) -> Any:
    current = RENAMED_OPTIONS.get(measure)
    if current is None or not isinstance(options, dict):
        return options
    return {current.get(option, option): value for option, value in options.items()}
