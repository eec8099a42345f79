"""Which files a COPY or ADD means: its sources looked up in a tree, with the reason when one is not there."""

import os
import posixpath
from typing import NamedTuple

from sampan.builder.files.trees import Entry, Tree
from sampan.builder.plan.steps import CopyFiles, Mount, Reading
from sampan.dockerfile import glob, ignore
from sampan.dockerfile.errors import nearest
from sampan.errors import NotFound
from sampan.linux import files


class Selected(NamedTuple):
    """One thing to copy. `name` is what it is called at the destination; `kept` the folders above it that --parents
    keeps, with the entries they are; `below` is what is in it when it is a folder."""

    name: str
    entry: Entry
    below: tuple[Entry, ...]
    kept: tuple[Entry, ...] = ()


def select(tree: Tree, action: CopyFiles) -> tuple[Selected, ...]:
    """Raises NotFound for a source without wildcards that is not there, InvalidArgument for a bad pattern.

    A wildcard that matches nothing selects nothing.
    """
    excluded = ignore.parse_patterns(action.exclude) if action.exclude else None
    found: list[Selected] = []
    for source in action.sources:
        wanted = posixpath.normpath("/" + source)[1:].lstrip("/")
        is_deep = action.parents and "**" in wanted
        paths = tree.match(wanted, is_deep=is_deep) if glob.has_wildcard(wanted) else [wanted]
        for path in paths:
            entry = tree.find(path)
            if entry is None:
                link = tree.plain(path)
                if glob.has_wildcard(wanted) and (link is None or link.kind != "l"):
                    continue  # a folder that is there only for what .dockerignore takes back into it
                hint = f"it is a link to {link.link}, which is not there" if link is not None and link.link else ""
                raise NotFound(
                    f'failed to compute cache key: "/{path}": not found',
                    hint=hint or explain_missing(tree, source, wanted),
                )
            chosen = _chosen(tree, entry, posixpath.basename(path), excluded)
            if chosen is not None:
                kept = _kept(tree, source, path) if action.parents else ()
                found.append(chosen._replace(kept=kept))
    return tuple(found)


def taken(tree: Tree, reading: Reading) -> tuple[Selected, ...]:
    """What a COPY, ADD or mount takes from a tree; raises as select()."""
    return (_mounted(tree, reading.source),) if isinstance(reading, Mount) else select(tree, reading)


def _mounted(tree: Tree, source: str) -> Selected:
    """What a mount of `source` shows; links are followed inside the tree, no letter is a wildcard. Raises NotFound."""
    wanted = posixpath.normpath("/" + source)[1:].lstrip("/")
    entry = tree.find(wanted)
    if entry is None:
        raise NotFound(
            f'failed to compute cache key: "/{wanted}": not found', hint=explain_missing(tree, source, wanted)
        )
    return Selected("", entry, tuple(tree.below(entry.path)) if entry.kind == "d" else ())


def _chosen(tree: Tree, entry: Entry, name: str, excluded: ignore.Patterns | None) -> Selected | None:
    below = tuple(tree.below(entry.path)) if entry.kind == "d" else ()
    if excluded is None:
        return Selected(name, entry, below)
    if entry.kind != "d":
        return None if excluded.match(name) else Selected(name, entry, below)
    start = len(entry.path) + 1 if entry.path else 0
    return Selected(name, entry, tuple(inner for inner in below if not excluded.match(inner.path[start:])))


def _kept(tree: Tree, source: str, path: str) -> tuple[Entry, ...]:
    """The folders between the source's pivot /./, or the root, and `path`."""
    pivot = source.find("/./")
    skipped = len([part for part in source[:pivot].split("/") if part not in ("", ".")]) if pivot >= 0 else 0
    parts = path.split("/")[:-1]
    folders = []
    for depth in range(skipped + 1, len(parts) + 1):
        entry = tree.find("/".join(parts[:depth]))
        if entry is not None:
            folders.append(entry._replace(path="/".join(parts[:depth])))
    return tuple(folders)


def explain_missing(tree: Tree, source: str, wanted: str) -> str:
    """Why a source is not there: a rule of .dockerignore, a way out of the context, a misspelling."""
    if posixpath.normpath(source).startswith("../"):
        return "the path leads out of the context: only what is in it can be copied"
    if tree.patterns is not None and _is_there(tree, wanted):
        rule = tree.patterns.explain(wanted)
        if rule is not None:
            return f"it is excluded by line {rule.line} of .dockerignore: {rule.text}"
    folder, _, name = wanted.rpartition("/")
    parent = tree.find(folder)
    if parent is None or parent.kind != "d":
        return f"there is no folder {folder}" if folder else ""
    near = nearest(name, tree.folder(parent.path))
    return f"did you mean {folder + '/' if folder else ''}{near}?" if near else ""


def _is_there(tree: Tree, path: str) -> bool:
    try:
        os.close(files.open_beneath(tree.root, path, os.O_PATH))
    except OSError:
        return False
    return True
