"""A Dockerfile looked at by the rules of bad practice, with what its build has settled."""

from collections.abc import Callable, Mapping

from sampan.builder.failures import AtLine
from sampan.builder.options import BuildOptions
from sampan.builder.plan.evaluate import DEFAULT_PATH
from sampan.builder.plan.graph import global_arguments, platform_arguments
from sampan.builder.plan.steps import Plan
from sampan.dockerfile.ignore import Patterns
from sampan.dockerfile.instructions import Dockerfile
from sampan.images.model import Image
from sampan.lint import catalog
from sampan.lint.control import Control, control_of
from sampan.lint.findings import Finding
from sampan.lint.subject import Base, Subject
from sampan.oci import platform
from sampan.oci.platform import Platform


def control(dockerfile: Dockerfile, options: BuildOptions) -> Control:
    """Which rules the file and the build's arguments want. Raises InvalidArgument for a mistake in them."""
    return control_of(dockerfile.check, _given(options))


def findings(
    dockerfile: Dockerfile,
    text: str,
    options: BuildOptions,
    host: Platform,
    *,
    plan: Plan | None,
    images: Mapping[str, Image],
    patterns: Patterns | None,
) -> tuple[Finding, ...]:
    """What the wanted rules find, by line. Without a `plan`, which could not be made, every stage counts as needed."""
    target = platform.parse(options.platforms[0], host) if options.platforms else host
    automatic = platform_arguments(target, host)
    given = _given(options)
    try:
        global_values = global_arguments(dockerfile.arguments, given, automatic, dockerfile.escape)
    except AtLine:  # the build itself tells it
        global_values = automatic
    subject = Subject(
        text,
        dockerfile,
        needed=_needed(dockerfile, plan),
        origins=_origins(dockerfile),
        build_args=given,
        global_values=global_values,
        automatic=automatic,
        bases=_bases(plan, images, target),
        is_ignored=_is_ignored(patterns),
    )
    return catalog.check(subject, control(dockerfile, options))


def _given(options: BuildOptions) -> dict[str, str]:
    return {name: value for name, value in options.build_args.items() if value is not None}


def _needed(dockerfile: Dockerfile, plan: Plan | None) -> frozenset[int]:
    return frozenset(stage.index for stage in (dockerfile.stages if plan is None else plan.stages))


def _origins(dockerfile: Dockerfile) -> tuple[int | None, ...]:
    """For each stage the one that it is built on: the nearest before it of that name."""
    known: dict[str, int] = {}
    origins = []
    for stage in dockerfile.stages:
        origins.append(known.get(stage.base.image))
        if stage.base.name:
            known[stage.base.name] = stage.index
    return tuple(origins)


def _bases(plan: Plan | None, images: Mapping[str, Image], target: Platform) -> dict[int, Base]:
    bases = {}
    for stage in plan.stages if plan is not None else ():
        image = images.get(stage.base.image)
        if image is not None:
            config = image.config
            environment = {
                "PATH": DEFAULT_PATH,
                **dict(entry.split("=", 1) for entry in config.config.env if "=" in entry),
            }
            mine = platform.normalise(config.os, config.architecture, config.variant)
            wanted = mine if stage.platform or platform.satisfies(mine, target) else target
            bases[stage.index] = Base(environment, bool(config.config.shell), str(mine), str(wanted))
    return bases


def _is_ignored(patterns: Patterns | None) -> Callable[[str], bool] | None:
    """Not where exceptions take paths back in: a folder that is kept out may hold files that are not."""
    if patterns is None or any(rule.is_exception for rule in patterns.rules):
        return None
    return patterns.match
