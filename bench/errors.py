"""Errors that the user can fix."""


class InputError(Exception):
    """A request that cannot be met; the message gives the place, the problem and the remedy."""

    exit_code = 2


class RunError(InputError):
    """A stored run that cannot be used; the message gives the reason and the remedy."""


class StorageError(InputError):
    """Records that cannot be written; records written before are kept."""

    exit_code = 3


class Interrupted(BaseException):
    """A request of the user or the system to stop; the message explains how to resume.

    Not an ``Exception``, so that code which survives a faulty module does not catch it.

    Args:
        message: for the user.
        number: the signal's number.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number
