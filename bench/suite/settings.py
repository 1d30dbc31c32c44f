"""Assignment of a value to a dotted key of a suite's data, as ``--set KEY=VALUE`` needs it."""

from typing import Any


def put(data: Any, key: str, value: Any) -> tuple[str | int, ...]:
    """Assign a value to a dotted key; missing mappings on the way are created.

    A key of the data may contain dots itself, as ``my.measures:Speed`` does; the longest existing key matches first.
    The key of a list entry is its index, from 0.

    Returns:
        The key path of the value.

    Raises:
        KeyError: the path leads into a value without keys; the argument is the key path of that value.
    """
    where: list[str | int] = []
    node, parts = data, key.split(".")
    while True:
        step = _next_key(node, parts)
        if step is None:
            raise KeyError(tuple(where))
        node_key, parts = step
        where.append(node_key)
        if not parts:
            node[node_key] = value
            return tuple(where)
        if isinstance(node, dict) and node.get(node_key) is None:
            node[node_key] = {}
        node = node[node_key]


def _next_key(node: Any, parts: list[str]) -> tuple[str | int, list[str]] | None:
    """The next key of a path, and the parts after it; None if the node has no such key."""
    if isinstance(node, list) and parts[0].isdecimal() and int(parts[0]) < len(node):
        return int(parts[0]), parts[1:]
    if not isinstance(node, dict):
        return None
    for length in range(len(parts), 0, -1):
        if ".".join(parts[:length]) in node:
            return ".".join(parts[:length]), parts[length:]
    return parts[0], parts[1:]
