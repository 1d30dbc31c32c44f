"""``KEY=VALUE`` on the command line → a value put into a suite's data."""

from typing import Any


def put(data: Any, key: str, value: Any) -> tuple[str | int, ...]:
    """Put a value at a dotted key, making the mappings on the way where they are missing.

    A key of the data may have dots itself, as ``my.measures:Speed`` has: the longest that is there is meant. In a list
    the number of an entry is its key, from 0.

    Returns:
        The key path where the value went.

    Raises:
        KeyError: the path leads into something that has no keys; the argument is the key path up to there.
    """
    where: list[str | int] = []
    node, parts = data, key.split(".")
    while True:
        found = _step(node, parts)
        if found is None:
            raise KeyError(tuple(where))
        step, parts = found
        where.append(step)
        if not parts:
            node[step] = value
            return tuple(where)
        if isinstance(node, dict) and node.get(step) is None:
            node[step] = {}
        node = node[step]


def _step(node: Any, parts: list[str]) -> tuple[str | int, list[str]] | None:
    """The next key and what is left of the path after it."""
    if isinstance(node, list) and parts[0].isdecimal() and int(parts[0]) < len(node):
        return int(parts[0]), parts[1:]
    if not isinstance(node, dict):
        return None
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in node:
            return ".".join(parts[:length]), parts[length:]
    return parts[0], parts[1:]
