"""A worker that imports ``simam``, and all modules that a suite names, from another tree than ``bench``.

Run it as ``python -m bench.ab.tree_worker TREE CURRENT``. TREE becomes the first entry of the import path. CURRENT, the
tree that contains ``bench``, is removed from it, so that a module that TREE lacks is an error and not imported from
CURRENT.
"""

import sys
from pathlib import Path


def import_from(tree: Path, current: Path) -> None:
    """Redirect this process's imports to a tree; ``bench`` is already loaded and does not change.

    Args:
        tree: the folder of a checked-out revision.
        current: the checkout that contains ``bench``.

    Raises:
        ImportError: the tree contains a ``simam``, but another one is imported.
    """
    sources = [current.resolve(), (current / "src").resolve()]
    remaining = [entry for entry in sys.path if Path(entry or ".").resolve() not in sources]
    sys.path[:] = [str(tree), *([str(tree / "src")] if (tree / "src").is_dir() else []), *remaining]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not _maps_into(finder, current.resolve())]
    import simam

    imported = Path(simam.__file__).resolve()
    if (tree / "simam").is_dir() and tree.resolve() not in imported.parents:
        raise ImportError(f"simam comes from {imported.parent}, not from {tree}")


def _maps_into(finder: object, current: Path) -> bool:
    """Whether a finder belongs to an editable install that maps packages into the current tree."""
    mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", {})
    return any(current in Path(str(target)).resolve().parents for target in dict(mapping).values())


if __name__ == "__main__":
    import_from(Path(sys.argv[1]), Path(sys.argv[2]))
    import torch  # noqa: F401  here, so that the two processes of a pair import it at the same time

    from bench.run.worker import main

    main()
