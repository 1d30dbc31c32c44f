"""Run git."""

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str, **variables: str) -> str:
    """Run git in a folder and return its standard output.

    Args:
        folder: working directory.
        arguments: arguments of git.
        variables: environment variables in addition to those of this process.

    Raises:
        OSError: git is not installed.
        subprocess.CalledProcessError: git failed; ``stderr`` has the cause.
    """
    # Inside a hook, git sets variables for the hook's repository, which would take precedence over the folder.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**inherited, **variables})
    return done.stdout.strip()
