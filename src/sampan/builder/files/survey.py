"""What a build of a folder would take as its context, and why: `context ls`."""

import os
from typing import NamedTuple

from sampan.builder import project
from sampan.builder.failures import BuildFailed
from sampan.builder.files import context as contexts
from sampan.builder.files import sizes
from sampan.builder.files.trees import Tree
from sampan.builder.options import BuildOptions
from sampan.builder.project import Source
from sampan.dockerfile import ignore
from sampan.errors import InvalidArgument, NotFound
from sampan.linux import files


class Survey(NamedTuple):
    """A context: what is `sent`, what is there in `all`, and the ignore file that decides ("" for none)."""

    context: str
    ignore_file: str
    rules: int
    sent: sizes.Sizes
    all: sizes.Sizes


class Reason(NamedTuple):
    """Why a path is in a context or not: `line` (from 1) of the ignore file with its `text`; 0 where none says it."""

    path: str
    is_sent: bool
    ignore_file: str
    line: int
    text: str


def survey(options: BuildOptions) -> Survey:
    """Raises NotFound or InvalidArgument when the context is no folder, BuildFailed for a malformed ignore file."""
    context, path, patterns = _opened(options)
    root = os.open(context, files.DIRECTORY)
    try:
        everything = sizes.measure(Tree(root).below(""))
        sent = sizes.measure(Tree(root, patterns).below("")) if patterns.rules else everything
    finally:
        os.close(root)
    return Survey(context, path, len(patterns.rules), sent, everything)


def why(options: BuildOptions, path: str) -> Reason:
    """Why one path is in the context or not; it is relative to the context, or absolute and below it.

    Raises NotFound for one that is not there, and as survey() does.
    """
    context, file, patterns = _opened(options)
    wanted = os.path.relpath(path, context) if os.path.isabs(path) else os.path.normpath(path)
    if wanted == ".." or wanted.startswith("../"):
        raise InvalidArgument(f"{path} is not in the context {context}", hint="only what is in it can be sent")
    root = os.open(context, files.DIRECTORY)
    try:
        os.close(files.open_beneath(root, wanted, os.O_PATH | os.O_NOFOLLOW))
    except OSError as error:
        raise NotFound(f"{wanted} is not in {context}", hint="give a path in the context, as in src/main.py") from error
    finally:
        os.close(root)
    rule = patterns.decisive(wanted)
    if rule is None:
        return Reason(wanted, True, file, 0, "")
    return Reason(wanted, rule.is_exception, file, rule.line, rule.text)


def _opened(options: BuildOptions) -> tuple[str, str, ignore.Patterns]:
    """(the folder, its ignore file, the rules in that)."""
    project.check_context(options)
    context = os.path.realpath(options.context)
    name = os.path.basename(options.dockerfile) or "Dockerfile"
    path, text = contexts.ignore_file(options, Source("", name, ""), context)
    try:
        return context, path, ignore.parse(text)
    except InvalidArgument as error:
        raise BuildFailed(error.message, hint=error.hint, kind=error) from error
