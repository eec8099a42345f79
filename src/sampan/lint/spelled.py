"""How instructions are written, where parsing has dropped it, and the variables that they mention. Pure."""

from collections.abc import Mapping

from sampan.dockerfile import words
from sampan.dockerfile.flags import split_flags
from sampan.dockerfile.instructions import (
    Arg,
    Copy,
    Env,
    Expose,
    From,
    Instruction,
    Label,
    StopSignal,
    User,
    Volume,
    Workdir,
)
from sampan.errors import InvalidArgument


def instruction_word(instruction: Instruction) -> str:
    """FROM, from or From, as it is written."""
    return instruction.line.source.split(maxsplit=1)[0]


def _arguments(instruction: Instruction) -> str:
    """What stands behind the word and its flags."""
    _, _, rest = instruction.line.source.strip().partition(instruction_word(instruction))
    return split_flags(rest)[1].strip()


def first_argument(instruction: Instruction, escape: str) -> str:
    """The first word behind the instruction's own, quotes kept."""
    from sampan.dockerfile.forms import quoted_words

    found = quoted_words(_arguments(instruction), escape)
    return found[0] if found else ""


def as_word(base: From) -> str:
    """AS as it is written, "" without one."""
    found = _arguments(base).split()
    return found[1] if len(found) == 3 else ""


def stage_name(base: From) -> str:
    """A stage's name as it is written, "" without one."""
    found = _arguments(base).split()
    return found[2] if len(found) == 3 else ""


def expanding_texts(instruction: Instruction) -> tuple[str, ...]:
    """The parts of an instruction in which variables are replaced."""
    match instruction:
        case Env() | Label():
            return tuple(text for pair in instruction.pairs for text in pair)
        case Arg():
            return tuple(default for _, default in instruction.pairs if default is not None)
        case Copy():
            inline = {heredoc.name for heredoc in instruction.heredocs}
            sources = (source for source in instruction.sources if source not in inline)
            return (*sources, instruction.destination, instruction.chown, instruction.chmod, *instruction.exclude)
        case Workdir():
            return (instruction.path,)
        case User():
            return (instruction.user,)
        case Expose():
            return instruction.ports
        case Volume():
            return instruction.paths
        case StopSignal():
            return (instruction.signal,)
    return ()


def missing_names(texts: tuple[str, ...], values: Mapping[str, str], escape: str) -> tuple[str, ...]:
    """The variables that are looked up in vain while texts are expanded, each once."""
    missing: dict[str, None] = {}

    def look_up(name: str) -> str | None:
        value = values.get(name)
        if value is None:
            missing[name] = None
        return value

    for text in texts:
        if "$" in text:
            try:
                words.expand(text, look_up, escape)
            except InvalidArgument:  # told by the build itself, with its place
                continue
    return tuple(missing)


def expanded(text: str, values: Mapping[str, str], escape: str) -> str:
    """A text with its variables; as it is where it cannot be expanded, which the build itself tells."""
    try:
        return words.expand(text, values.get, escape)
    except InvalidArgument:
        return text


def ports(instruction: Expose, values: Mapping[str, str], escape: str) -> tuple[str, ...]:
    """The words of an EXPOSE, expanded and split."""
    try:
        return tuple(word for port in instruction.ports for word in words.split_words(port, values.get, escape))
    except InvalidArgument:
        return ()
