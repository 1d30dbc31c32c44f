"""A worker that imports ``simam``, and all modules that a suite names, from another tree than ``bench``.

Run it as ``python -m bench.ab.tree_worker TREE CURRENT``. TREE becomes the first entry of the import path, and every
entry inside CURRENT, the tree that contains the user's working directory, is replaced by the same folder of TREE. A
module that TREE lacks is an error; it is never imported from CURRENT.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType


def import_from(tree: Path, current: Path) -> None:
    """Redirect this process's imports to a tree; ``bench`` is already loaded and does not change.

    Args:
        tree: the folder of a checked-out revision.
        current: the checkout that the revision is from.

    Raises:
        ImportError: the tree contains a ``simam``, but another one is imported.
    """
    tree, current = tree.resolve(), current.resolve()
    entries = [Path(entry or ".").resolve() for entry in sys.path]
    mapped = [tree / entry.relative_to(current) if _is_source(entry, current) else entry for entry in entries]
    first = [tree, *([tree / "src"] if (tree / "src").is_dir() else [])]
    sys.path[:] = list(dict.fromkeys(map(str, [*first, *mapped])))
    finders = [finder for finder in sys.meta_path if not _maps_into(finder, current)]
    sys.meta_path[:] = [RefuseCheckout(tuple(finders), current), *finders]
    import simam

    imported = Path(simam.__file__).resolve()
    if (tree / "simam").is_dir() and tree not in imported.parents:
        raise ImportError(f"simam comes from {imported.parent}, not from {tree}")


@dataclass(frozen=True)
class RefuseCheckout:
    """A finder of modules that refuses those that lie in a checkout, however they were found.

    Args:
        finders: the finders that it asks.
        checkout: the folder that no module may come from, except ``bench`` and installed packages.
    """

    finders: Sequence[object]
    checkout: Path

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec that the first of the finders returns.

        Raises:
            ModuleNotFoundError: the module lies in the checkout.
        """
        for finder in self.finders:
            spec: ModuleSpec | None = finder.find_spec(name, path, target)  # type: ignore[attr-defined]
            if spec is not None:
                self._check(spec)
                return spec
        return None

    def _check(self, spec: ModuleSpec) -> None:
        if spec.name.partition(".")[0] == "bench":
            return
        for place in _places(spec):
            if _is_source(place, self.checkout):
                raise ModuleNotFoundError(
                    f"No module named {spec.name!r} in the revision's tree; {place} is a file of the checkout itself"
                )


def _places(spec: ModuleSpec) -> Iterator[Path]:
    """The file of a module, or the folders of a package without a file."""
    if spec.origin and spec.has_location:
        yield Path(spec.origin).resolve()
    elif spec.submodule_search_locations:
        yield from (Path(folder).resolve() for folder in spec.submodule_search_locations)


def _is_source(path: Path, checkout: Path) -> bool:
    """Whether a path lies in a checkout and not in a Python installation, which may lie in the checkout too."""
    installed = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    parents = {path, *path.parents}
    return checkout in parents and not any(folder in parents and checkout in folder.parents for folder in installed)


def _maps_into(finder: object, current: Path) -> bool:
    """Whether a finder belongs to an editable install that maps packages into the current tree."""
    mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", {})
    return any(current in Path(str(target)).resolve().parents for target in dict(mapping).values())


if __name__ == "__main__":
    import_from(Path(sys.argv[1]), Path(sys.argv[2]))
    import torch  # noqa: F401  here, so that the two processes of a pair import it at the same time

    from bench.run.worker import main

    main()
