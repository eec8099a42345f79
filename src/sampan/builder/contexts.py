"""Where a build's context is: a folder here, or something that is laid out as one first."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sampan.builder import project
from sampan.builder.options import BuildOptions
from sampan.builder.progress.events import Reporter
from sampan.errors import NotFound
from sampan.storage.database import Database
from sampan.storage.paths import Paths

_LAYOUT = "oci-layout://"
_MAY_BE_REMOTE = re.compile(r"://|@|^github\.com/")


@contextmanager
def laid_out(database: Database, paths: Paths, options: BuildOptions, reporter: Reporter) -> Iterator[BuildOptions]:
    """The build with a context that is a folder, or none; what was laid out for it goes at the end.

    Raises NotFound and InvalidArgument for a context that is none, and what goes wrong when it is fetched or unpacked.
    """
    if options.contexts:
        _check_named(options.contexts)
        if any(value.startswith(_LAYOUT) for value in options.contexts.values()):
            from sampan.builder.remote import layouts

            options = options._replace(contexts=layouts.loaded(database, paths, options.contexts))
    is_stream = options.context == "-" and options.stdin is not None
    if not is_stream and (os.path.isdir(options.context) or not _MAY_BE_REMOTE.search(options.context)):
        project.check_context(options)
        yield options
        return
    from sampan.builder.plan import remote
    from sampan.builder.remote import contexts
    from sampan.builder.work.views import Workspace

    found = None if is_stream else remote.parse_context(options.context)
    if found is None and not is_stream:
        project.check_context(options)
    workspace = Workspace(database, paths)
    try:
        if options.stdin is not None and found is None:
            yield contexts.from_stream(options, options.stdin, workspace.folder)
        elif found is not None:
            yield contexts.from_remote(database, options, found, reporter, workspace.folder)
    finally:
        workspace.close()


def _check_named(contexts: Mapping[str, str]) -> None:
    """Raises NotFound for a named context that is a folder, and not there."""
    for name, value in contexts.items():
        if not _MAY_BE_REMOTE.search(value) and not os.path.isdir(value):
            raise NotFound(
                f"failed to get build context {name}: stat {value}: no such file or directory",
                hint="--build-context NAME=VALUE takes a folder, docker-image://REF, oci-layout://FOLDER, or a URL",
            )
