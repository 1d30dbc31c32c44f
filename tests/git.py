"""Git for tests that make repositories."""

import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, with an identity for commits, and return its output."""
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
