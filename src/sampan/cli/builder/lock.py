"""`sampan lock`."""

import os
import sys
from collections.abc import Mapping, Sequence

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError, hint_of_space
from sampan.cli.flags import Flag, quiet_flag
from sampan.cli.kinds import BOOL, LIST, STRING
from sampan.engine import locking
from sampan.engine.engine import Engine
from sampan.images import lock

COMMAND = Command(
    arguments="[OPTIONS] [FILE|FOLDER...]",
    summary="Write down, in sampan.lock, which image each name in Dockerfiles and Compose files means, for builds",
    examples=(
        Example("The Dockerfile of this folder", "lock"),
        Example("The images of all services, and those that they are built from", "lock compose.yaml"),
        Example("Whether a name means another image by now, or a new one came in", "lock --check"),
    ),
    flags=(
        Flag("build-arg", LIST, "Value of an ARG that a FROM uses, NAME=VALUE"),
        Flag("check", BOOL, "Write nothing; exit code 1 when the file would be another"),
        Flag("output", STRING, "File to write; sampan.lock beside the first file", "o"),
        quiet_flag("Print nothing but errors"),
    ),
    takes=(0, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    files = invocation.arguments or ["."]
    pairs = (text.partition("=") for text in parsed.strings("build-arg"))
    arguments = {name: value if equals else os.environ.get(name, "") for name, equals, value in pairs}
    names = names_in(files, arguments)
    target = parsed.string("output") or _beside(files[0])
    images = Engine(invocation.settings.root or None).images
    found = images.lock(names, config=invocation.settings.config)
    before = locking.read_lock(target)
    lines = changes(before, found)
    if parsed.boolean("check"):
        print("".join(line + "\n" for line in lines), end="")
        return 1 if lines else 0
    _write(target, lock.render(found))
    if not parsed.boolean("quiet"):
        print("".join(line + "\n" for line in lines), end="")
        print(f"{target}: {len(found)} images", file=sys.stderr)
    return 0


def names_in(files: Sequence[str], build_args: Mapping[str, str]) -> list[str]:
    """The images of Dockerfiles, and of Compose files, of which each is laid over the one before. A folder stands for
    its Dockerfile, or its Compose file where it has none."""
    from sampan.compose import images

    found: set[str] = set()
    layered: list[str] = []
    for file in files:
        of_folder = [] if os.path.isfile(os.path.join(file, "Dockerfile")) else images.of_folder(file)
        if of_folder:
            found.update(images.names_in(of_folder, os.environ, build_args))
        elif images.is_compose(file) and not os.path.isdir(file):
            layered.append(file)
        else:
            found.update(locking.names_in(file, build_args))
    if layered:
        found.update(images.names_in(layered, os.environ, build_args))
    return sorted(found)


def _beside(file: str) -> str:
    folder = file if os.path.isdir(file) else os.path.dirname(file)
    return os.path.join(folder, lock.FILE)


def changes(before: lock.Lock, after: lock.Lock) -> list[str]:
    """What the new lock changes, a line for each name."""
    lines = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            lines.append(f"+ {name} {new.digest}")
        elif new is None and old is not None:
            lines.append(f"- {name} {old.digest}")
        elif old is not None and new is not None and old.digest != new.digest:
            lines.append(f"~ {name} {old.digest} -> {new.digest}")
    return lines


def _write(path: str, text: str) -> None:
    temporary = f"{path}.tmp{os.getpid()}"
    try:
        with open(temporary, "w") as file:
            file.write(text)
        os.rename(temporary, path)
    except OSError as error:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        reason = (error.strerror or "").lower()
        raise ClientError(f"cannot write {path}: {reason}", hint=hint_of_space(error)) from error
