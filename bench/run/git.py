"""Questions to git."""

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str, **variables: str) -> str:
    """What git prints when it is run in a folder.

    Args:
        folder: where.
        arguments: of git.
        variables: of its environment, beside this process's own.

    Raises:
        OSError: there is no git.
        subprocess.CalledProcessError: it failed; ``stderr`` says why.
    """
    # A hook that runs this has the variables of the repository it was run in, which would win over the folder.
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env={**own, **variables})
    return done.stdout.strip()
