"""YAML 1.2 text → plain data that remembers where each value stood, and the errors that point there."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.error import MarkedYAMLError

from bench.errors import InputError
from bench.suite.settings import put

LARGEST = 1_000_000
"""Bytes; a suite is written by hand."""

MOST_VALUES = 100_000
"""After aliases are written out; a few lines of them can stand for billions."""

Path_ = tuple[str | int, ...]


class SuiteError(InputError):
    """A suite that cannot be used; the message says file, line, key path, what is wrong and what would be right.

    It is one line, whatever a library or a user's module had to say.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class Source:
    """A YAML file: ``data`` is plain dicts, lists and scalars; :meth:`error` points into the file.

    Args:
        path: the file.
        settings: texts such as ``measures.latency.budget=10s`` that replace a value of the file.

    Raises:
        SuiteError: the file cannot be read, is no YAML, or uses tags or non-text keys; a setting has no key or value.
    """

    def __init__(self, path: Path, settings: Sequence[str] = ()) -> None:
        self.path = path
        self._values = 0
        self._origins: dict[Path_, str] = {}
        self._tree = self._parse(self._read())
        self.data: Any = self._plain(self._tree, ())
        for setting in settings:
            self._apply(setting)

    def error(self, where: Sequence[str | int], problem: str) -> SuiteError:
        """The error for the value at a key path, such as ``("axes", "backbone", 0)``."""
        for length in range(len(where), 0, -1):
            origin = self._origins.get(tuple(where[:length]))
            if origin:
                return SuiteError(f"{origin}: {_key_path(where)}{problem}")
        below = [origin for path, origin in self._origins.items() if path[: len(where)] == tuple(where)]
        note = f" (with {', '.join(below)})" if where and below else ""
        return SuiteError(f"{self.path}:{self._line(where)}: {_key_path(where)}{problem}{note}")

    def put(self, key: str, value: Any, origin: str) -> None:
        """Replace the value at a dotted key; errors about it name ``origin`` instead of a line of the file."""
        try:
            self._origins[put(self.data, key, value)] = origin
        except KeyError as error:
            raise SuiteError(f"{origin}: {_key_path(error.args[0])}it has no keys below it") from error

    def _apply(self, setting: str) -> None:
        key, equals, text = setting.partition("=")
        if not equals or not all(key.split(".")):
            raise SuiteError(f"--set {setting}: write KEY=VALUE, such as measures.latency.budget=10s")
        try:
            value = self._plain(YAML(typ="rt").load(text), ())
        except SuiteError as error:
            raise SuiteError(f"--set {setting}: {str(error).partition(': ')[2]}") from error
        except Exception as error:  # the YAML library raises many kinds on broken text
            raise SuiteError(f"--set {setting}: the value is not valid YAML") from error
        self.put(key, value, f"--set {setting}")

    def _read(self) -> str:
        try:
            size = self.path.stat().st_size
            if size > LARGEST:
                raise SuiteError(f"{self.path}: {size} bytes is no hand-written suite; at most {LARGEST} are read")
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
        except Exception as error:  # the YAML library raises many kinds on broken text
            raise SuiteError(f"{self.path}: not valid YAML: {error}") from error

    def _plain(self, node: Any, where: Path_) -> Any:
        self._values += 1
        if self._values > MOST_VALUES:
            raise SuiteError(
                f"{self.path}: more than {MOST_VALUES} values with its aliases written out; make it smaller"
            )
        if isinstance(node, TaggedScalar) or (
            isinstance(node, CommentedMap | CommentedSeq) and node.tag.value and not node.tag.value.startswith("tag:")
        ):
            raise self.error(where, f"YAML tags such as {node.tag.value} are not used here; write the plain value")
        if isinstance(node, CommentedMap):
            for key in node:
                if not isinstance(key, str):
                    raise self.error(where, f"the key {key!r} is not text; write it in quotes")
            return {str(key): self._plain(value, (*where, str(key))) for key, value in node.items()}
        if isinstance(node, CommentedSeq):
            return [self._plain(value, (*where, index)) for index, value in enumerate(node)]
        return self._scalar(node, where)

    def _scalar(self, node: Any, where: Path_) -> Any:
        if node is None or isinstance(node, bool):
            return node
        for kind in (int, float, str):
            if isinstance(node, kind):
                value = kind(node)
                if isinstance(value, float) and not math.isfinite(value):
                    raise self.error(where, f"{value} is no usable number; give a finite one")
                return value
        raise self.error(where, f"{node!r} is neither text nor a number; put it in quotes if text is meant")

    def _line(self, where: Sequence[str | int]) -> int:
        node, line = self._tree, 1
        for key in where:
            try:
                position = node.lc.key(key) if isinstance(node, CommentedMap) else node.lc.item(key)
                node = node[key]
            except Exception:  # a merged or an aliased value has no place of its own
                break
            line = position[0] + 1
        return line


def _key_path(where: Sequence[str | int]) -> str:
    """``("axes", "backbone", 0)`` → ``axes.backbone[0]: ``."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in where)
    return f"{text.lstrip('.')}: " if text else ""
