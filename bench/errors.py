"""What a user can mend."""


class InputError(Exception):
    """Something asked for that cannot be had; the message says what is wrong, where, and what would be right."""
