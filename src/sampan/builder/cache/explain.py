"""Why a step misses the cache, in the words of the person who asks. Pure."""

import time
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from sampan.builder.cache.key import Facts, StepInputs

MOST_FILES = 1000
_SHOWN = 40
_NAMED = 3  # changed files that a reason names


class Miss(NamedTuple):
    """`reason` is one line; `files` are the paths that changed, sorted, at most MOST_FILES."""

    reason: str
    files: tuple[str, ...] = ()


FIRST_BUILD = Miss("never built here")
NO_CACHE = Miss("--no-cache")


def explain_miss(wanted: StepInputs, nearest: StepInputs | None, parent_reason: str) -> Miss:
    """Why `wanted` cannot reuse `nearest`, the stored step of the same place that differs least.

    The first difference in the order in which a person would look: the instruction's words, the variables and settings
    around it, the files that it takes, then its parent, of which `parent_reason` says what happened to it.
    """
    if nearest is None:
        return FIRST_BUILD
    if wanted.words != nearest.words:
        return Miss(_difference(nearest.words, wanted.words))
    changed = _changed_fact(wanted.facts, nearest.facts)
    if changed:
        return Miss(changed)
    if wanted.action != nearest.action:
        return Miss("instruction changed")
    if wanted.content is not None and nearest.content is not None and wanted.content.digest != nearest.content.digest:
        return _changed_files(wanted.content.files, nearest.content.files)
    if wanted.parent != nearest.parent:
        return Miss(parent_reason)
    if wanted.origin != nearest.origin:
        return Miss("the stage that it copies from was rebuilt")
    return Miss("its stored result is gone")


def distance(wanted: StepInputs, other: StepInputs) -> int:
    """How much two steps differ: the smallest is the one to compare with."""
    return (
        8 * (wanted.words != other.words)
        + 4 * (wanted.parent != other.parent)
        + 2 * (wanted.facts != other.facts)
        + (_digest(wanted) != _digest(other) or wanted.origin != other.origin)
    )


def _digest(inputs: StepInputs) -> str:
    return inputs.content.digest if inputs.content is not None else ""


def nearest_of(wanted: StepInputs, others: Sequence[tuple[str, StepInputs]]) -> str:
    """The key of the one that differs least, of several the first, "" when there is none. One whose instruction is of
    another kind is no candidate."""
    kind = _kind(wanted.words)
    comparable = [(key, other) for key, other in others if _kind(other.words) == kind]
    return min(
        comparable,
        key=lambda pair: (distance(wanted, pair[1]), _unlike(wanted.words, pair[1].words)),
        default=("", None),
    )[0]


def _unlike(one: str, other: str) -> float:
    """The share of words that are neither in what both begin with nor in what both end with: 0 for the same text."""
    mine, theirs = one.split(), other.split()
    start, end = _common(mine, theirs)
    return 1 - (start + end) / max(len(mine), len(theirs), 1)


def _kind(words: str) -> str:
    return words.split(None, 1)[0].upper() if words.strip() else ""


def _changed_fact(wanted: Facts, nearest: Facts) -> str:
    before, after = dict(nearest), dict(wanted)
    for name, value in after.items():
        if name not in before:
            return f"{name} added"
        if before[name] != value and _is_secret(name):
            return f"{name} changed"
        if before[name] != value:
            old, new = _differing_lines(before[name], value)
            return f"{name} changed {_short(old) or 'empty'} -> {_short(new) or 'empty'}"
    gone = [name for name in before if name not in after]
    return f"{gone[0]} removed" if gone else ""


def _is_secret(name: str) -> bool:
    """Whether a variable's value should not be shown: "ARG API_TOKEN"."""
    from sampan.lint.rules.secrets_used_in_arg_or_env import looks_secret

    return looks_secret(name.partition(" ")[2])


def _differing_lines(before: str, after: str) -> tuple[str, str]:
    """The first lines of two texts that are not the same."""
    pairs = zip_longest(before.split("\n"), after.split("\n"), fillvalue="")
    return next(((old, new) for old, new in pairs if old != new), (before, after))


def _difference(before: str, after: str) -> str:
    """What changed in an instruction's words: the part between what both begin with and what both end with."""
    old, new = before.split(), after.split()
    start, end = _common(old, new)
    gone, came = " ".join(old[start : len(old) - end]), " ".join(new[start : len(new) - end])
    if gone and came:
        return f"{_short(gone)} -> {_short(came)}"
    if gone or came:
        return f"{_short(gone)} removed" if gone else f"{_short(came)} added"
    return "its blanks changed"


def _common(old: list[str], new: list[str]) -> tuple[int, int]:
    """How many words both begin with, and how many of the others both end with."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return start, end


def base_reason(wanted: str, nearest: str, stored_ns: int, *, is_pulled: bool) -> str:
    """Why a stage stands on another base: `wanted` and `nearest` are "NAME ID" of images, `stored_ns` is since when the
    wanted one is here."""
    name, _, identity = wanted.partition(" ")
    other_name, _, other = nearest.partition(" ")
    if not other_name:
        return "base image changed"
    if name != other_name:
        return f"FROM {other_name} -> {name}"
    came = f"{'pulled' if is_pulled else 'made'} {_ago(time.time() - stored_ns / 1e9)}"
    return f"{name} moved {_short_id(other)} -> {_short_id(identity)}, {came}"


def pruned_reason(pruned_ns: int) -> str:
    """That a prune took the result, at a moment in ns since the epoch."""
    return f"its result was pruned {_ago(time.time() - pruned_ns / 1e9)}"


def _short_id(identity: str) -> str:
    return identity.removeprefix("sha256:")[:12]


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit} ago"
    return f"{max(0, int(seconds))} s ago"


def _short(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _changed_files(wanted: Facts, nearest: Facts) -> Miss:
    before, after = dict(nearest), dict(wanted)
    if not before or not after:
        changes = [(path, "added" if after else "removed") for path in after or before]
    else:
        changes = [(path, _change(before.get(path), what)) for path, what in after.items() if before.get(path) != what]
        changes += [(path, "removed") for path in before if path not in after]
    if not changes:
        return Miss("files changed")
    # A folder's own change says the least.
    changes.sort(key=lambda change: ((after.get(change[0]) or before[change[0]]).startswith("d "), change[0]))
    named = ", ".join(f"{path or '.'} {how}" for path, how in changes[:_NAMED])
    others = len(changes) - _NAMED
    rest = f" and {others} other file{'s' if others > 1 else ''}" if others > 0 else ""
    names = sorted(path for path, _ in changes)[:MOST_FILES]
    return Miss(named + rest, tuple(names))


def _change(before: str | None, after: str) -> str:
    if before is None:
        return "added"
    old, new = _What.of(before), _What.of(after)
    if old._replace(mode=new.mode) == new:
        return f"mode changed {old.mode} -> {new.mode}"
    if old._replace(owner=new.owner) == new:
        return f"owner changed {old.owner} -> {new.owner}"
    return "changed"


class _What(NamedTuple):
    """What counts of a file, as the key's content lists it: "f 644 0:0 0a1b2c", the owner only where it counts."""

    kind: str
    mode: str
    owner: str
    content: str

    @classmethod
    def of(cls, text: str) -> "_What":
        kind, mode, *rest = text.split(" ")
        owner = rest.pop(0) if len(rest) > 1 and ":" in rest[0] else ""
        return cls(kind, mode, owner, " ".join(rest))
