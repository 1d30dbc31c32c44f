"""Records and values, as they are encoded."""

import math

import msgspec
import pytest

from bench.store.record import FORMAT, MeasuredRecord, Record, Value
from tests.factories import failed, record, skipped

MEASURED = record(Value("params", "1", (5,)), role="variant", cell="net/simam", repeat=2, measure="complexity")


def test_nan_and_infinity_become_null() -> None:
    value = Value("loss", "1", (1.0, math.nan, math.inf))
    assert value.samples == (1.0, None, None)
    assert value.reason == "not a finite number"


def test_known_reason_is_kept() -> None:
    assert Value("clock", "1", (None,), "no driver") == Value("clock", "1", (math.nan,), "no driver")


def test_key_is_the_identity_within_a_run() -> None:
    assert MEASURED.key == ("complexity", "net", "net/simam", "variant", 2)


@pytest.mark.parametrize(
    ("original", "status"), [(MEASURED, "ok"), (skipped("needs a GPU"), "skipped"), (failed("it broke", "T"), "failed")]
)
def test_status_is_the_tag_of_the_type(original: Record, status: str) -> None:
    fields = msgspec.to_builtins(original)
    assert (original.status, fields["status"], fields["format"]) == (status, status, FORMAT)
    assert msgspec.convert(fields, Record) == original


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "skipped"}, "missing required field `reason`"),
        ({"status": "done"}, "Invalid value 'done'"),
        ({"role": "twin"}, r"Invalid enum value 'twin' - at `\$.role`"),
        ({"repeat": "first"}, r"at `\$.repeat`"),
        ({"values": [{"name": "x", "unit": "s", "samples": ["fast"]}]}, r"at `\$.values\[0\].samples\[0\]`"),
    ],
)
def test_invalid_fields_are_named(changes: dict[str, object], message: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert({**msgspec.to_builtins(MEASURED), **changes}, Record)


def test_records_are_immutable() -> None:
    assert isinstance(MEASURED, MeasuredRecord)
    with pytest.raises(AttributeError):
        MEASURED.repeat = 3  # type: ignore[misc]
