"""The build context: a folder without what .dockerignore keeps out."""

import os

from sampan.builder.failures import BuildFailed
from sampan.builder.files import digests
from sampan.builder.files.trees import Tree
from sampan.builder.options import BuildOptions
from sampan.builder.project import Source, read_file
from sampan.dockerfile import ignore
from sampan.errors import SampanError

_LARGEST_IGNORE = 1 << 20


def open_context(options: BuildOptions, source: Source, memory: str) -> Tree | None:
    """The context as a tree without what .dockerignore keeps out; None when there is none. `memory` is the folder where
    digests of files are remembered. Raises BuildFailed for a malformed .dockerignore."""
    if not options.context:
        return None
    context = os.path.realpath(options.context)
    if options.origin:
        return Tree(os.open(context, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    root = os.open(context, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        patterns = ignore.parse(ignore_file(options, source, context)[1])
    except SampanError as error:
        os.close(root)
        raise BuildFailed(error.message, hint=error.hint, kind=error) from error
    return Tree(root, patterns, digests.memory_of(memory, context))


def ignore_file(options: BuildOptions, source: Source, context: str) -> tuple[str, str]:
    """(path, text) of the Dockerfile's own ignore file, beside it, or else of the context's; ("", "") without any."""
    beside = os.path.dirname(options.dockerfile or os.path.join(context, source.name))
    for path in (os.path.join(beside, source.name + ".dockerignore"), os.path.join(context, ".dockerignore")):
        try:
            data = read_file(path, _LARGEST_IGNORE)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            continue
        return path, data.decode(errors="surrogateescape")
    return "", ""
