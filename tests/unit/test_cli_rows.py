"""Every verb and flag of docker's that people use for containers, networks, volumes and the system is there, read the
same way: same names, with or without a value, repeatable or not; or docs/differences.md says why it is not.

corpus/docker-flags.tsv holds them: command ("" for what stands before the verb), flag, type; "(alias)" rows name the
command that another path stands for.
"""

import csv
from pathlib import Path

import pytest

from sampan.cli.catalog import ALIASES, COMMANDS, GROUPS
from sampan.cli.flags import Flag, HelpWanted, parse
from sampan.cli.main import GLOBAL_FLAGS, load

TOP = Path(__file__).parents[2]
REPEATED = {
    "filter", "ipNetSlice", "ipSlice", "list", "map", "mount", "network", "stringSlice", "ulimit",
}  # fmt: skip


def rows() -> list[tuple[str, str, str]]:
    with open(TOP / "tests/corpus/docker-flags.tsv") as file:
        found = [tuple(row) for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]
    return [(row[0], row[1], row[2]) for row in found[1:]]


def full(path: str) -> str:
    return ALIASES.get(path, path)


def flags_of(path: str) -> tuple[Flag, ...]:
    return load(full(path)).COMMAND.flags if path else GLOBAL_FLAGS


def is_explained(path: str, flag: str) -> bool:
    """Whether docs/differences.md names the flag of the command, as `command --flag`, or the command alone."""
    page = (TOP / "docs/differences.md").read_text()
    return f"`{path} {flag}`".replace("` ", "`") in page or f"`{path}`" in page


def problem(path: str, flag: str, kind: str) -> str:
    """What is different, "" when nothing is."""
    if flag == "(command)":
        return "" if full(path) in COMMANDS or path in GROUPS or not path else "there is no such command"
    if flag == "(alias)":
        known = COMMANDS.get(full(path)), COMMANDS.get(full(kind))
        return "" if known[0] is not None and known[0] == known[1] else f"it is not {kind}"
    if full(path) not in COMMANDS and path:
        return "there is no such command"
    short, _, long = flag.rpartition("|")
    name = long.removeprefix("--")
    if name == "help":
        with pytest.raises(HelpWanted):
            parse(flags_of(path), ["--help"])
        return ""
    found = next((one for one in flags_of(path) if one.name == name), None)
    if found is None:
        return "there is no such flag"
    if found.short != short.removeprefix("-"):
        return f"its short name is {found.short!r}"
    if (found.kind.implied is None) == (kind == "bool"):
        return "it takes a value" if kind == "bool" else "it takes no value"
    if bool(found.kind.gathers) != (kind in REPEATED):
        return "it may be repeated" if found.kind.gathers else "the last one wins"
    return ""


@pytest.mark.parametrize("path", sorted({row[0] for row in rows()}))
def test_a_command_reads_dockers_flags_or_the_docs_say_why_not(path: str) -> None:
    mine = [row for row in rows() if row[0] == path]
    assert mine
    problems = {flag: text for _, flag, kind in mine if (text := problem(path, flag, kind))}
    long = {flag: flag.rpartition("|")[2] for flag in problems}
    assert {flag: text for flag, text in problems.items() if not is_explained(path, long[flag])} == {}
