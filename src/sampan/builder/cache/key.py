"""What decides a step's result, as a value, and its digest. Pure.

A step is reused when its parent's result, what it does and the content of the files it takes are the same. Times of
files do not count. The parent's result is named by the snapshot that it made, not by how it was made, so that a step
never stands on another result than the one it was built on.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sampan.builder.plan.steps import CopyFiles, MakeWorkdir, Mount, RunCommand, Step

if TYPE_CHECKING:
    from sampan.builder.files.selection import Selected
    from sampan.builder.files.trees import Entry, Tree

_LISTED = 20_000  # files that an explanation can name; a step with more is explained without names
_FORMAT = 2  # raise it when a step's result would differ from what older keys stand for

Facts = tuple[tuple[str, str], ...]


class Content(NamedTuple):
    """The files of a COPY: a digest over all that counts of them, and (path, what counts) of each for explanations."""

    digest: str
    files: Facts


class StepInputs(NamedTuple):
    """Everything that decides a step. `words` is the instruction as written, for explanations alone.

    `facts` are what can be named as a reason: ("ARG VERSION", "1"), ("USER", "app"). `origin` is the result of the
    stage that files come from, where their content is not looked at. `base` is "NAME ID" of the image that the step
    stands on, where it is the first on it; it explains, and decides nothing.
    """

    words: str
    action: str
    facts: Facts
    parent: str
    content: Content | None = None
    origin: str = ""
    base: str = ""

    @property
    def key(self) -> str:
        """The digest that the step's result is stored under."""
        content = self.content.digest if self.content is not None else ""
        document = json.dumps([_FORMAT, self.action, self.parent, content, self.origin], separators=(",", ":"))
        return hashlib.sha256(document.encode()).hexdigest()


def inputs_of(step: Step, parent: str, content: Content | None = None, origin: str = "") -> StepInputs:
    return StepInputs(step.words, canonical(step.action), facts_of(step), parent, content, origin)


def dated(inputs: StepInputs, times: str) -> StepInputs:
    """The same step where the times of its files are set, as `times` says."""
    facts = (*inputs.facts, ("the times of files", times))
    return inputs._replace(action=f"{inputs.action} times {times}", facts=facts)


def canonical(action: MakeWorkdir | CopyFiles | RunCommand) -> str:
    """What an action does, in one fixed form: what is as usual is left out. Proxies do not count, nor the addresses of
    --add-host; an image's name does not, its content does."""
    fields: dict[str, Any] = _unusual(action)
    for name in ("secret_env", "arguments", "image", "stage"):
        fields.pop(name, None)
    if isinstance(action, RunCommand):
        fields["mounts"] = [_unusual(mount._replace(stage=-1, image="")) for mount in action.mounts]
        fields["hosts"] = [name for name, _ in action.hosts]
    return json.dumps([type(action).__name__, fields], sort_keys=True, separators=(",", ":"))


def _unusual(value: MakeWorkdir | CopyFiles | RunCommand | Mount) -> dict[str, Any]:
    return {name: field for name, field in value._asdict().items() if field != value._field_defaults.get(name)}


def facts_of(step: Step) -> Facts:
    """What a person may have changed without touching the instruction itself."""
    action = step.action
    if isinstance(action, RunCommand):
        arguments = dict(action.arguments)
        env = tuple((f"{'ARG' if name in arguments else 'ENV'} {name}", value) for name, value in action.env)
        script = (
            (("the script", action.script or action.args[-1]),) if "\n" in (action.script or action.args[-1]) else ()
        )
        options = (
            ("--add-host", " ".join(name for name, _ in action.hosts)),
            ("--ulimit", " ".join(f"{name}={soft}:{hard}" for name, soft, hard in action.ulimits)),
            ("--shm-size", str(action.shm_bytes or "")),
            ("--cgroup-parent", action.cgroup_parent),
            ("the host name", action.hostname),
        )
        given = tuple(fact for fact in options if fact[1])
        return (*env, *script, ("USER", action.user), ("WORKDIR", action.cwd), ("the network", action.network), *given)
    if isinstance(action, MakeWorkdir):
        return (*step.used, ("WORKDIR", action.path), ("USER", action.user))
    texts = tuple((f"<<{item.name}", item.text) for item in action.inline)
    return (*step.used, *texts, ("the destination", action.destination))


def content_of(tree: "Tree", selected: "tuple[Selected, ...]", *, keeps_owner: bool) -> Content:
    """Read what counts of selected files. `keeps_owner` is for files of stages: those of the context get the step's
    owner. Raises OSError."""
    digest = hashlib.sha256()
    facts: list[tuple[str, str]] = []
    for one in selected:
        names = "/".join((*(folder.path for folder in one.kept), one.name))
        digest.update(f"\0\0{names}\0{one.entry.kind}\0".encode(errors="surrogateescape"))
        start = len(one.entry.path) + 1 if one.entry.path else 0
        # The folder that is a source itself is not copied, only what is in it.
        for entry in one.below if one.entry.kind == "d" else (one.entry,):
            below = entry.path[start:] if one.entry.kind == "d" else ""
            owner = f" {entry.uid}:{entry.gid}" if keeps_owner else ""
            what = _what(tree, entry)
            line = f"{below}\0{entry.kind} {entry.mode:o}{owner} {what}\0"
            digest.update(line.encode(errors="surrogateescape"))
            facts.append((entry.path, f"{entry.kind} {entry.mode:o}{owner} {what[:16]}"))
    return Content(digest.hexdigest(), tuple(facts) if len(facts) <= _LISTED else ())


def merged(contents: Sequence[Content]) -> Content | None:
    """What several readings of one step come to; None without any."""
    if len(contents) < 2:
        return contents[0] if contents else None
    digest = hashlib.sha256("\0".join(content.digest for content in contents).encode())
    facts = tuple(fact for content in contents for fact in content.files)
    return Content(digest.hexdigest(), facts if len(facts) <= _LISTED else ())


def _what(tree: "Tree", entry: "Entry") -> str:
    if entry.kind == "f":
        return tree.digest(entry)
    if entry.kind == "l":
        return entry.link
    return str(entry.rdev) if entry.kind in ("c", "b") else ""


def to_text(inputs: StepInputs) -> str:
    """What is stored with a result, for later explanations: a line without the files, and a line with them."""
    head = {
        "words": inputs.words,
        "action": inputs.action,
        "facts": inputs.facts,
        "parent": inputs.parent,
        "digest": inputs.content.digest if inputs.content is not None else None,
        "origin": inputs.origin,
        "base": inputs.base,
    }
    files = inputs.content.files if inputs.content is not None else ()
    return "\n".join(json.dumps(part, separators=(",", ":")) for part in (head, files))


def from_text(text: str) -> StepInputs:
    """Read what to_text() wrote; the first line alone gives inputs without files."""
    head, _, files = text.partition("\n")
    stored = json.loads(head)
    content = None
    if stored["digest"] is not None:
        listed = json.loads(files) if files else []
        content = Content(stored["digest"], tuple((path, what) for path, what in listed))
    facts = tuple((name, value) for name, value in stored["facts"])
    base = stored.get("base", "")
    return StepInputs(stored["words"], stored["action"], facts, stored["parent"], content, stored["origin"], base)
