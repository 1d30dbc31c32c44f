"""A worker whose ``simam``, and whatever a suite names, come from another tree than its ``bench``.

``python -m bench.run.side TREE OWN``: TREE goes first on the path, and OWN, the tree that ``bench`` was started from,
leaves it, so that what TREE does not have is not taken from there in silence.
"""

import sys
from pathlib import Path


def use(tree: Path, own: Path) -> None:
    """Point this process's imports at a tree; ``bench`` itself is loaded already and stays where it is.

    Raises:
        ImportError: the tree has a ``simam``, and another one is imported.
    """
    sources = [own.resolve(), (own / "src").resolve()]
    left = [entry for entry in sys.path if Path(entry or ".").resolve() not in sources]
    sys.path[:] = [str(tree), *([str(tree / "src")] if (tree / "src").is_dir() else []), *left]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _maps_into(finder, own.resolve())]
    import simam

    found = Path(simam.__file__).resolve()
    if (tree / "simam").is_dir() and tree.resolve() not in found.parents:
        raise ImportError(f"simam comes from {found.parent}, not from {tree}")


def _maps_into(finder: object, own: Path) -> bool:
    """Whether a finder is an editable install's that maps packages into our own tree."""
    mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", {})
    return any(own in Path(str(target)).resolve().parents for target in dict(mapping).values())


if __name__ == "__main__":
    use(Path(sys.argv[1]), Path(sys.argv[2]))
    import torch  # noqa: F401  takes seconds, which the two processes of a pair spend at the same time

    from bench.run.worker import main

    main()
