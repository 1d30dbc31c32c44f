"""Folders that stand in for /proc and /sys."""

from pathlib import Path


def write_files(root: Path, files: dict[str, str]) -> Path:
    """Write files below a root and return the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root
