"""What a user can mend."""


class InputError(Exception):
    """Something asked for that cannot be had; the message says what is wrong, where, and what would be right."""

    exit_code = 2


class StorageError(InputError):
    """What was measured cannot be written down; what was written before is kept."""

    exit_code = 3


class Interrupted(BaseException):
    """The user or the system asked a run to stop; the message says how to go on, ``number`` is the signal's.

    No Exception: nothing that survives a faulty module may survive this.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number
