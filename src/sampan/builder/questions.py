"""Questions that a Dockerfile answers by itself: nothing is built, and no image is looked at."""

import os

from sampan.builder import project
from sampan.builder.failures import AtLine, BuildFailed, Excerpt
from sampan.builder.options import BuildOptions
from sampan.builder.plan import outline
from sampan.builder.plan.graph import global_arguments, platform_arguments
from sampan.builder.plan.outline import Outline, Target
from sampan.builder.project import Source
from sampan.dockerfile import parser, stages, words
from sampan.dockerfile.errors import ParseError
from sampan.dockerfile.instructions import Dockerfile
from sampan.oci import platform


def targets(options: BuildOptions) -> tuple[Source, tuple[Target, ...]]:
    """The Dockerfile and its targets. Raises BuildFailed."""
    source, dockerfile = _read(options)
    return source, outline.targets(dockerfile, source.text)


def outline_of(options: BuildOptions) -> tuple[Source, Outline]:
    """The Dockerfile and what its target takes. Raises BuildFailed, NotFound for an unknown target."""
    source, dockerfile = _read(options)
    host = platform.host_platform(os.uname().machine)
    target = platform.parse(options.platforms[0], host) if options.platforms else host
    given = {name: value for name, value in options.build_args.items() if value is not None}
    try:
        values = global_arguments(dockerfile.arguments, given, platform_arguments(target, host), dockerfile.escape)
        plan = stages.resolve(
            dockerfile, options.target, expand=lambda text: words.expand(text, values.get, dockerfile.escape)
        )
        return source, outline.outline(dockerfile, source.text, plan, given)
    except AtLine as error:
        raise _placed(source, error, error.line.first, error.line.last) from error
    except ParseError as error:
        raise _placed(source, error, error.line, error.last) from error


def _read(options: BuildOptions) -> tuple[Source, Dockerfile]:
    project.check_context(options)
    source = project.read_dockerfile(options)
    try:
        return source, parser.parse(source.text, name=source.name)
    except ParseError as error:
        raise _placed(source, error, error.line, error.last) from error


def _placed(source: Source, error: AtLine | ParseError, first: int, last: int) -> BuildFailed:
    where = Excerpt(source.name, source.text, first, last) if first else None
    return BuildFailed(error.message, hint=error.hint, kind=error, excerpt=where)
