"""Help texts in docker's layout, made from the catalog and the flag tables."""

import os
from collections.abc import Mapping, Sequence

from sampan.cli.catalog import ALIASES, COMMANDS, GROUPS, SECTIONS
from sampan.cli.command import Command
from sampan.cli.errors import PROGRAM
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING, go_quote
from sampan.cli.main import GLOBAL_FLAGS, load

_DESCRIPTION = "Builds, ships and runs containers, without a daemon"


def render(path: str) -> str:
    """The help of a command, of a group, or ("") of the program."""
    if not path:
        return _program()
    if path in GROUPS:
        return _group(path)
    return _command(path, load(path).COMMAND)


def _program() -> str:
    parts = [f"Usage:  {PROGRAM} [OPTIONS] COMMAND\n\n{_DESCRIPTION}\n"]
    for title, names in SECTIONS:
        parts.append(f"{title}:\n" + _list({name: COMMANDS[name][1] for name in names}))
    parts.insert(2, "Management Commands:\n" + _list({name: text for name, text in GROUPS.items() if " " not in name}))
    parts.append("Global Options:\n" + render_flags(GLOBAL_FLAGS))
    parts.append(f"Examples:\n  {PROGRAM} run --rm -it debian:bookworm-slim sh\n  {PROGRAM} build -t web .\n")
    parts.append(f"Run '{PROGRAM} COMMAND --help' for more information on a command.\n")
    return "\n".join(parts)


def _group(group: str) -> str:
    below = {path.removeprefix(f"{group} "): text for path, text in _everything() if path.startswith(f"{group} ")}
    verbs = {name: text for name, text in sorted(below.items()) if " " not in name}
    first = next(name for name in verbs if f"{group} {name}" in COMMANDS)
    example = load(f"{group} {first}").COMMAND.examples[0]
    return (
        f"Usage:  {PROGRAM} {group} COMMAND\n\n{GROUPS[group]}\n\nCommands:\n{_list(verbs)}\n"
        f"Examples:\n  # {example.what}\n  {PROGRAM} {example.words}\n\n"
        f"Run '{PROGRAM} {group} COMMAND --help' for more information on a command.\n"
    )


def _everything() -> list[tuple[str, str]]:
    """(path, summary) of every command, and of the groups that are in groups."""
    return [
        *((path, entry[1]) for path, entry in COMMANDS.items()),
        *(pair for pair in GROUPS.items() if " " in pair[0]),
    ]


def _list(entries: Mapping[str, str]) -> str:
    return "".join(f"  {name:<11} {summary}\n" for name, summary in entries.items())


def _command(path: str, command: Command) -> str:
    parts = [f"Usage:  {PROGRAM} {path} {command.arguments}".rstrip() + f"\n\n{command.summary}\n"]
    names = aliases(path)
    if len(names) > 1:
        parts.append("Aliases:\n  " + ", ".join(f"{PROGRAM} {name}" for name in names) + "\n")
    if any(not flag.hidden for flag in command.flags):
        parts.append("Options:\n" + render_flags(command.flags))
    examples = "\n".join(f"  # {example.what}\n  {PROGRAM} {example.words}" for example in command.examples)
    parts.append(f"Examples:\n{examples}\n")
    return "\n".join(parts)


def aliases(path: str) -> list[str]:
    """Every name of the command at `path`, the ones in a group first."""
    target = COMMANDS[path][0]
    names = [name for name, (other, _) in COMMANDS.items() if other == target]
    names += [alias for alias, full in ALIASES.items() if full in names]
    return sorted(names, key=lambda name: (" " not in name, name))


def render_flags(flags: Sequence[Flag], width: int = 0) -> str:
    """The flags sorted by name, each text wrapped beside its flag; `width` 0 is the terminal's."""
    width = (width or _columns()) - 1
    shown = sorted((flag for flag in flags if not flag.hidden), key=lambda flag: flag.name)
    heads = [_head(flag) for flag in shown]
    indent = max(len(head) for head in heads) + 3
    lines = []
    for flag, head in zip(shown, heads, strict=True):
        text = flag.help + _default(flag)
        wrapped = [piece for line in text.split("\n") for piece in _wrap(line, max(width - indent, 24))]
        lines.append(f"{head:<{indent}}" + f"\n{' ' * indent}".join(wrapped))
    return "\n".join(lines) + "\n"


def _head(flag: Flag) -> str:
    start = f"  -{flag.short}, --{flag.name}" if flag.short else f"      --{flag.name}"
    return f"{start} {flag.kind.name}" if flag.kind.name else start


def _default(flag: Flag) -> str:
    value = flag.shown_default or flag.default
    if not value:
        return ""
    if flag.kind == BOOL:
        return " (default true)"
    return f" (default {go_quote(str(value)) if flag.kind == STRING else value})"


def _wrap(text: str, width: int) -> list[str]:
    lines, line = [], ""
    for word in text.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def _columns() -> int:
    try:
        return os.get_terminal_size(1).columns
    except OSError:
        return 80
