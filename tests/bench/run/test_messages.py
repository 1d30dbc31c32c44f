import numpy as np
import pytest

from bench.measure.timing.disturbance import Activity
from bench.measure.timing.nvml import Reading
from bench.run.messages import Built, BuiltMember, Died, Done, Failed, Measured, Message, Started, Timed, decode, encode
from bench.store.record import Value


@pytest.mark.parametrize(
    "message",
    [
        Started(1, "epoch 2 of 8"),
        Measured(2, (Value("latency", "s", (0.5, None, 3)), Value("params", "1", (2**70,))), {"loss": [1.0, None]}),
        Failed(None, "FileNotFoundError: /data/\udcff.pt", "Traceback…\n"),
        Done(),
        Died("the worker was killed by SIGKILL"),
        Built((BuiltMember({"l2": None}, (Value("compile_time", "s", (9.5,)),)),), False, 0.02, 3),
        Timed(0.1, 0.2, None, None),
        Timed(0.1, 0.2, Reading(None, ("sw_power_cap",), "no clock"), Activity(3, 0.2, None, 0.0)),
    ],
    ids=lambda message: type(message).__name__,
)
def test_round_trip(message: Message) -> None:
    line = encode(message)
    assert line.isascii() and line.index("\n") == len(line) - 1
    assert decode(line) == message


def test_numbers_of_derived_types() -> None:
    message = decode(encode(Measured(0, (Value("latency", "s", (np.float64(0.5),)),))))
    assert message == Measured(0, (Value("latency", "s", (0.5,)),))


def test_value_that_json_cannot_represent() -> None:
    with pytest.raises(TypeError, match="a message cannot contain a value of type object"):
        encode(Measured(0, (), {"thing": object()}))


@pytest.mark.parametrize("line", [b"{}\n", b"printed\n", b'{"type": "Started"}\n', b'{"type": "Unknown"}\n', b"\xff\n"])
def test_line_that_is_not_a_message(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode(line)
