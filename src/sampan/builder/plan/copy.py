"""COPY and ADD: which files go where, and how. Pure."""

import posixpath
import re
from collections.abc import Callable

from sampan.builder.plan.state import Globals, State, absolute, shown, step_of
from sampan.builder.plan.steps import CopyFiles, Inline, Remote, Step
from sampan.dockerfile import words
from sampan.dockerfile.instructions import Copy
from sampan.dockerfile.stages import Origin
from sampan.errors import InvalidArgument

_MAY_BE_REMOTE = re.compile(r"://|@")


def copy(instruction: Copy, state: State, around: Globals, expand: Callable[[str], str]) -> Step:
    """The step of a COPY or ADD. Raises InvalidArgument."""
    name = "ADD" if instruction.is_add else "COPY"
    inline_names = {heredoc.name for heredoc in instruction.heredocs}
    sources = tuple(
        expand(source) for source in instruction.sources if source not in inline_names or not instruction.heredocs
    )
    remotes, local = _remotes(instruction, sources, expand) if instruction.is_add else ((), sources)
    if not instruction.is_add and any(re.match("https?://", source) for source in sources):
        raise InvalidArgument("source can't be a URL for COPY", hint="ADD fetches what a URL names")
    destination = expand(instruction.destination)
    chown, chmod = expand(instruction.chown), expand(instruction.chmod)
    inline = tuple(
        Inline(
            _file_name(heredoc.name),
            words.expand_document(heredoc.text, state.variables.get) if heredoc.expand else heredoc.text,
        )
        for heredoc in instruction.heredocs
    )
    origin = around.find_origin(instruction.from_) if instruction.from_ else Origin(None)
    action = CopyFiles(
        sources=local,
        destination=_destination(destination, state.config.working_dir),
        inline=inline,
        stage=-1 if origin.stage is None else origin.stage,
        image=origin.image,
        context=origin.context,
        chown=chown,
        chmod=chmod,
        parents=instruction.parents,
        exclude=tuple(expand(pattern) for pattern in instruction.exclude),
        unpack=instruction.is_add if instruction.unpack is None else instruction.unpack,
        remotes=remotes,
        link=instruction.link,
        unpack_remote=bool(instruction.unpack),
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


def _remotes(
    instruction: Copy, sources: tuple[str, ...], expand: Callable[[str], str]
) -> tuple[tuple[Remote, ...], tuple[str, ...]]:
    """(sources that are elsewhere, those of the context). Raises InvalidArgument."""
    checksum = expand(instruction.checksum)
    if checksum and len(sources) + len(instruction.heredocs) != 1:
        raise InvalidArgument("checksum can't be specified for multiple sources", hint="one ADD for each source")
    if not checksum and not instruction.keep_git_dir and not any(map(_MAY_BE_REMOTE.search, sources)):
        return (), sources
    from sampan.builder.plan import remote  # few files are elsewhere

    found = {source: remote.parse(source) for source in sources}
    remotes = []
    for one in filter(None, found.values()):
        kept = one._replace(keep_git_dir=one.keep_git_dir or (instruction.keep_git_dir and one.kind == "git"))
        remotes.append(remote.with_checksum(kept, checksum) if checksum else kept)
    if checksum and not remotes:
        raise InvalidArgument(
            "checksum requires HTTP(S) or Git sources", hint="what is in the context is known by its content already"
        )
    return tuple(remotes), tuple(source for source, one in found.items() if one is None)


def _destination(path: str, workdir: str) -> str:
    folder = absolute(path, workdir)
    if (path.endswith(("/", "/.")) or path in ("", ".", "..")) and folder != "/":
        return folder + "/"
    return folder
