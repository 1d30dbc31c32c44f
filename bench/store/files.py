"""Reading and writing the small files of a run's folder."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from bench.errors import RunError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        RunError: it cannot be written.
    """
    half = path.with_name(f".{path.name}.half")
    try:
        half.write_bytes(content.encode() if isinstance(content, str) else content)
        half.replace(path)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror or error}") from error


def make_folder(path: Path) -> Path:
    """Create a folder and its parents, unless it exists.

    Raises:
        RunError: it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {path}: {error.strerror or error}") from error
    return path


def read_mapping(file: Path, types: Mapping[str, type]) -> dict[str, dict[str, Any]]:
    """The entries of a JSON file, each a mapping with at least these keys and types; empty if there is no file.

    Raises:
        RunError: the file is damaged.
    """
    if not file.exists():
        return {}
    with naming_damage(file):
        entries: dict[str, dict[str, Any]] = dict(json.loads(file.read_text(encoding="utf-8")))
        for name, entry in entries.items():
            for key, required in types.items():
                if not isinstance(entry[key], required):
                    raise TypeError(f"{key} of {name} is {entry[key]!r}")
    return entries


@contextmanager
def naming_damage(file: Path) -> Iterator[None]:
    """Convert any error while a file is read to a RunError that names the file."""
    try:
        yield
    except OSError as error:
        raise RunError(f"cannot read {file}: {error.strerror or error}") from error
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RunError(f"{file} is damaged: {error}") from error
