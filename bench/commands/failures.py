"""Conversion of exceptions to messages and exit codes."""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import typer

OK, FAILED = 0, 3


def refuse_hidden_packages() -> None:
    """Exit with 2 if a file of the user hides one of our packages, here or in the workers, which run in this folder."""
    for name in ("simam", "bench"):
        file = Path.cwd() / f"{name}.py"
        hidden = file.is_file() and not (Path.cwd() / name / "__init__.py").is_file()
        spec = find_spec(name)
        if not hidden and spec is not None and spec.origin and spec.submodule_search_locations is None:
            file, hidden = Path(spec.origin), True
        if hidden:
            typer.echo(f"error: your file {file} hides the package {name}; rename it", err=True)
            raise SystemExit(2)


@contextmanager
def user_errors() -> Iterator[None]:
    """Print user errors as messages and exit with their code; print a traceback for internal errors.

    An internal error exits with 3. Python's default for it, 1, would mean that something regressed.
    """
    from bench.errors import InputError, Interrupted

    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:  # the process that reads the output, such as `head`, has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(128 + signal.SIGPIPE) from error
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    except Interrupted as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(128 + error.number) from error
    except Exception as error:
        traceback.print_exc()
        raise typer.Exit(FAILED) from error
