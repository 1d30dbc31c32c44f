"""The YAML 1.2 text of a suite: plain data, the position of each value, and errors that point there."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.error import MarkedYAMLError

from bench.errors import InputError
from bench.suite.renamed import rename
from bench.suite.settings import put

MAX_BYTES = 1_000_000
"""Size limit of a suite file; suites are written by hand."""

MAX_VALUES = 100_000
"""Limit on the values of a suite after aliases are expanded, because a few lines of aliases can expand to billions."""

KeyPath: TypeAlias = tuple[str | int, ...]
"""Keys and list indices from the top of a suite to a value, such as ``("axes", "backbone", 0)``."""


class SuiteError(InputError):
    """A suite cannot be used; the message names the file, the line, the key path, the problem and the remedy.

    The message is one line, even if it quotes a library or a user's module.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class SuiteSource:
    """A suite file as plain data.

    Args:
        path: the file.
        settings: ``KEY=VALUE`` texts, such as ``measures.latency.budget=10s``, that replace values of the file.

    Attributes:
        data: dicts, lists and scalars; old names are replaced by current ones.

    Raises:
        SuiteError: the file cannot be read, is not YAML, or has tags or keys that are not text; or a setting has no
            key or no value.
    """

    def __init__(self, path: Path, settings: Sequence[str] = ()) -> None:
        self.path = path
        self._values = 0
        self._origins: dict[KeyPath, str] = {}
        self._tree = self._parse(self._read())
        self.data: Any = rename(self._plain(self._tree, ()))
        for setting in settings:
            self._apply(setting)

    def error(self, where: Sequence[str | int], problem: str) -> SuiteError:
        """Create the error for the value at a key path, such as ``("axes", "backbone", 0)``."""
        for length in range(len(where), 0, -1):
            origin = self._origins.get(tuple(where[:length]))
            if origin:
                return SuiteError(f"{origin}: {_key_path_text(where)}{problem}")
        below = [origin for path, origin in self._origins.items() if path[: len(where)] == tuple(where)]
        note = f" (with {', '.join(below)})" if where and below else ""
        return SuiteError(f"{self.path}:{self._line(where)}: {_key_path_text(where)}{problem}{note}")

    def put(self, key: str, value: Any, origin: str) -> None:
        """Replace the value at a dotted key; errors about it name ``origin`` instead of a line of the file."""
        try:
            self._origins[put(self.data, key, value)] = origin
        except KeyError as error:
            raise SuiteError(f"{origin}: {_key_path_text(error.args[0])}this value has no keys below it") from error

    def _apply(self, setting: str) -> None:
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            raise SuiteError(f"--set {setting}: write KEY=VALUE, such as measures.latency.budget=10s")
        try:
            value = self._plain(YAML(typ="rt").load(text), ())
        except SuiteError as error:
            raise SuiteError(f"--set {setting}: {str(error).partition(': ')[2]}") from error
        except Exception as error:  # the YAML library raises errors of many types on broken text
            raise SuiteError(f"--set {setting}: the value is not valid YAML") from error
        self.put(key, value, f"--set {setting}")

    def _read(self) -> str:
        try:
            size = self.path.stat().st_size
            if size > MAX_BYTES:
                raise SuiteError(f"{self.path}: the file has {size} bytes; a suite may have at most {MAX_BYTES}")
            return self.path.read_text(encoding="utf-8")
        except OSError as error:
            raise SuiteError(f"{self.path}: cannot read the suite: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise SuiteError(f"{self.path}: not a text file in UTF-8: {error.reason} at byte {error.start}") from error

    def _parse(self, text: str) -> Any:
        try:
            return YAML(typ="rt").load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise SuiteError(f"{self.path}:{line}: not valid YAML: {error.problem or error.context}") from error
        except Exception as error:  # the YAML library raises errors of many types on broken text
            raise SuiteError(f"{self.path}: not valid YAML: {error}") from error

    def _plain(self, node: Any, where: KeyPath) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise SuiteError(f"{self.path}: the suite has more than {MAX_VALUES} values after its aliases are expanded")
        if isinstance(node, TaggedScalar) or (
            isinstance(node, CommentedMap | CommentedSeq) and node.tag.value and not node.tag.value.startswith("tag:")
        ):
            raise self.error(where, f"YAML tags such as {node.tag.value} are not supported; write the plain value")
        if isinstance(node, CommentedMap):
            for key in node:
                if not isinstance(key, str):
                    raise self.error(where, f"the key {key!r} is not text; write it in quotes")
            return {str(key): self._plain(value, (*where, str(key))) for key, value in node.items()}
        if isinstance(node, CommentedSeq):
            return [self._plain(value, (*where, index)) for index, value in enumerate(node)]
        return self._scalar(node, where)

    def _scalar(self, node: Any, where: KeyPath) -> Any:
        if node is None or isinstance(node, bool):
            return node
        for kind in (int, float, str):
            if isinstance(node, kind):
                value = kind(node)
                if isinstance(value, float) and not math.isfinite(value):
                    raise self.error(where, f"{value} is not a finite number")
                return value
        raise self.error(where, f"{node!r} is neither text nor a number; put text in quotes")

    def _line(self, where: Sequence[str | int]) -> int:
        node, line = self._tree, 1
        for key in where:
            try:
                position = node.lc.key(key) if isinstance(node, CommentedMap) else node.lc.item(key)
                node = node[key]
            except Exception:  # a merged or aliased value has no position
                break
            line = position[0] + 1
        return line


def _key_path_text(where: Sequence[str | int]) -> str:
    """Format a key path for a message: ``("axes", "backbone", 0)`` becomes ``axes.backbone[0]: ``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in where)
    return f"{text.lstrip('.')}: " if text else ""
