"""Conversion of exceptions to messages and exit codes."""

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

OK, FAILED = 0, 3


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
