"""COPY and ADD: which files go where, and how. Pure."""

import posixpath
import re
from collections.abc import Callable

from sampan.builder.plan.state import Globals, State, absolute, shown, step_of
from sampan.builder.plan.steps import CopyFiles, Inline, Step
from sampan.dockerfile import words
from sampan.dockerfile.instructions import Copy
from sampan.errors import InvalidArgument, Unsupported


def copy(instruction: Copy, state: State, around: Globals, expand: Callable[[str], str]) -> Step:
    """The step of a COPY or ADD. Raises InvalidArgument, Unsupported."""
    name = "ADD" if instruction.is_add else "COPY"
    inline_names = {heredoc.name for heredoc in instruction.heredocs}
    sources = tuple(
        expand(source) for source in instruction.sources if source not in inline_names or not instruction.heredocs
    )
    if instruction.is_add:
        _refuse_remote(instruction, sources)
    destination = expand(instruction.destination)
    chown, chmod = expand(instruction.chown), expand(instruction.chmod)
    inline = tuple(
        Inline(
            _file_name(heredoc.name),
            words.expand_document(heredoc.text, state.variables.get) if heredoc.expand else heredoc.text,
        )
        for heredoc in instruction.heredocs
    )
    stage = around.find_stage(instruction.from_) if instruction.from_ else -1
    action = CopyFiles(
        sources=sources,
        destination=_destination(destination, state.config.working_dir),
        inline=inline,
        stage=stage,
        image=instruction.from_ if stage < 0 else "",
        chown=chown,
        chmod=chmod,
        parents=instruction.parents,
        exclude=tuple(expand(pattern) for pattern in instruction.exclude),
        unpack=instruction.is_add if instruction.unpack is None else instruction.unpack,
    )
    flags = [f"--chown={chown}"] * bool(chown) + [f"--chmod={chmod}"] * bool(chmod)
    parts = [
        *["--parents"] * instruction.parents,
        *flags,
        *sources,
        *(f"<<{item.name}" for item in inline),
        destination,
    ]
    created_by = f"{name} {' '.join(parts)} # buildkit"
    title = shown(instruction.line.source.split("\n", 1)[0], state.variables)
    return step_of(action, instruction.line, title, created_by)


def _file_name(heredoc: str) -> str:
    """What a file of a here-document is called; its mark may look like a path. Raises InvalidArgument."""
    name = posixpath.basename(posixpath.normpath("/" + heredoc))
    if not name or "\0" in name:
        raise InvalidArgument(f"<<{heredoc} names no file", hint="its mark is the file's name")
    return name


def _refuse_remote(instruction: Copy, sources: tuple[str, ...]) -> None:
    for source in sources:
        if re.match(r"(https?|git|ssh)://|git@", source):
            raise Unsupported(
                f"ADD {source}: remote sources are not supported by this version of sampan",
                hint="download it before the build, or with RUN",
            )
    if instruction.checksum:
        raise InvalidArgument("checksum requires HTTP(S) or Git sources")


def _destination(path: str, workdir: str) -> str:
    folder = absolute(path, workdir)
    if (path.endswith(("/", "/.")) or path in ("", ".", "..")) and folder != "/":
        return folder + "/"
    return folder
