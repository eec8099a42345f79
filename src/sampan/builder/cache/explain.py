"""Why a step misses the cache, in the words of the person who asks. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from sampan.builder.cache.key import Facts, StepInputs

MOST_FILES = 1000
_SHOWN = 40


class Miss(NamedTuple):
    """`reason` is one line; `files` are the paths that changed, sorted, at most MOST_FILES."""

    reason: str
    files: tuple[str, ...] = ()


FIRST_BUILD = Miss("first build")
NO_CACHE = Miss("--no-cache")


def explain_miss(wanted: StepInputs, nearest: StepInputs | None, parent_reason: str) -> Miss:
    """Why `wanted` cannot reuse `nearest`, the stored step of the same place that differs least.

    The first difference in the order in which a person would look: the instruction's words, the variables and settings
    around it, the files that it takes, then its parent, of which `parent_reason` says what happened to it.
    """
    if nearest is None:
        return FIRST_BUILD
    if wanted.words != nearest.words:
        return Miss(f"instruction changed, was {_short(nearest.words)}")
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
    return min(comparable, key=lambda pair: distance(wanted, pair[1]), default=("", None))[0]


def _kind(words: str) -> str:
    return words.split(None, 1)[0].upper() if words.strip() else ""


def _changed_fact(wanted: Facts, nearest: Facts) -> str:
    before, after = dict(nearest), dict(wanted)
    for name, value in after.items():
        if name not in before:
            return f"{name} added"
        if before[name] != value:
            return f"{name} changed {_short(before[name]) or 'empty'} -> {_short(value) or 'empty'}"
    gone = [name for name in before if name not in after]
    return f"{gone[0]} removed" if gone else ""


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
    path, how = changes[0]
    others = len(changes) - 1
    rest = f" ({others} other file{'s' if others > 1 else ''})" if others else ""
    names = sorted(path for path, _ in changes)[:MOST_FILES]
    return Miss(f"{path or '.'} {how}{rest}", tuple(names))


def _change(before: str | None, after: str) -> str:
    if before is None:
        return "added"
    old, new = before.split(" "), after.split(" ")
    if old[0] == new[0] and old[2:] == new[2:]:
        return f"mode changed {old[1]} -> {new[1]}"
    return "changed"
