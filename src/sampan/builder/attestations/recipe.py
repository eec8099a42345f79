"""The steps of a plan in the form of BuildKit's provenance: a graph of operations, `step0` and on. Pure.

What it leaves out is said by is_whole: values of variables that look like secrets.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from sampan.builder.plan import tokens
from sampan.builder.plan.steps import CopyFiles, MakeWorkdir, Mount, Pairs, Plan, PlannedStage, RunCommand, Step
from sampan.lint.rules.secrets_used_in_arg_or_env import looks_secret

_NETWORKS = {"host": 1, "none": 2}
_MOUNT_TYPES = {"secret": 1, "ssh": 2, "cache": 3, "tmpfs": 4}
_SHARING = {"shared": 0, "private": 1, "locked": 2}


class Recipe(NamedTuple):
    """`definition` lists the operations, `digests` name them, `lines` are where they stand in the Dockerfile (first,
    last). `chain` are the ids of the operations that made the result's own layers, lowest first."""

    definition: tuple[dict[str, Any], ...]
    digests: Mapping[str, str]
    lines: Mapping[str, tuple[int, int]]
    chain: tuple[str, ...]
    is_whole: bool


def is_private(name: str, value: str) -> bool:
    """Whether a variable is not for everyone: by its name, its form, or because a proxy's address has a password."""
    return bool(tokens.form_of(value)) or looks_secret(name) or name.lower().endswith("_proxy")


def recipe_of(plan: Plan, images: Mapping[str, str]) -> Recipe:
    """`images` are the full names of the images that the plan reads, by their keys there."""
    writer = _Writer(plan, images)
    for stage in plan.stages:
        writer.stage(stage)
    writer.add({"Op": {}}, [writer.ends[plan.result.index]] if plan.result.index in writer.ends else [])
    digests = {}
    for entry in writer.definition:
        text = json.dumps(entry, sort_keys=True, ensure_ascii=False).encode(errors="surrogateescape")
        digests["sha256:" + hashlib.sha256(text).hexdigest()] = entry["id"]
    chain: list[str] = []
    stage = plan.result
    while True:
        chain = writer.made[stage.index] + chain
        if stage.base.stage < 0:
            break
        stage = plan.stage(stage.base.stage)
    return Recipe(tuple(writer.definition), dict(sorted(digests.items())), writer.lines, tuple(chain), writer.is_whole)


class _Writer:
    def __init__(self, plan: Plan, images: Mapping[str, str]) -> None:
        self._plan, self._images = plan, images
        self.definition: list[dict[str, Any]] = []
        self.lines: dict[str, tuple[int, int]] = {}
        self.made: dict[int, list[str]] = {}
        self.ends: dict[int, str] = {}  # what a stage's root is by now
        self.is_whole = True
        self._sources: dict[str, str] = {}

    def add(self, op: dict[str, Any], inputs: list[str]) -> str:
        entry: dict[str, Any] = {"id": f"step{len(self.definition)}", "op": op}
        if inputs:
            entry["inputs"] = [f"{one}:0" for one in inputs]
        self.definition.append(entry)
        return str(entry["id"])

    def stage(self, stage: PlannedStage) -> None:
        self.made[stage.index] = []
        if stage.base.stage >= 0:
            if stage.base.stage in self.ends:
                self.ends[stage.index] = self.ends[stage.base.stage]
        elif stage.base.image:
            self.ends[stage.index] = self._image(stage.base.image)
        for step in stage.steps:
            made = self._step(stage, step)
            self.ends[stage.index] = made
            self.made[stage.index].append(made)
            self.lines[made] = (step.line.first, step.line.last)

    def _source(self, identifier: str, platform: bool = False) -> str:
        if identifier not in self._sources:
            op: dict[str, Any] = {"Op": {"source": {"identifier": identifier}}, "constraints": {}}
            if platform:
                op["platform"] = self._platform()
            self._sources[identifier] = self.add(op, [])
        return self._sources[identifier]

    def _image(self, key: str) -> str:
        return self._source(f"docker-image://{self._images.get(key, key)}", platform=True)

    def _platform(self) -> dict[str, str]:
        own = self._plan.platform
        found = {"Architecture": own.architecture, "OS": own.os}
        return {**found, "Variant": own.variant} if own.variant else found

    def _root_of(self, reading: CopyFiles | Mount) -> str | None:
        """The operation that files come from; None for an empty root."""
        if reading.stage >= 0:
            return self.ends.get(reading.stage)
        if reading.image:
            return self._image(reading.image)
        return self._source(f"local://{reading.context or 'context'}")

    def _step(self, stage: PlannedStage, step: Step) -> str:
        root = self.ends.get(stage.index)
        if isinstance(step.action, RunCommand):
            return self._run(root, step.action)
        if isinstance(step.action, MakeWorkdir):
            actions = [{"mkdir": {"path": step.action.path, "mode": 0o755, "makeParents": True, "timestamp": -1}}]
            return self._file(root, None, actions)
        return self._copy(root, step.action)

    def _file(self, root: str | None, second: str | None, actions: list[dict[str, Any]]) -> str:
        inputs = [one for one in (root, second) if one is not None]
        first = 0 if root is not None else -1
        listed: list[dict[str, Any]] = []
        for action in actions:
            is_copy = "copy" in action and second is not None
            listed.append(
                {
                    "input": first if not listed else len(inputs) + len(listed) - 1,
                    "secondaryInput": len(inputs) - 1 if is_copy else -1,
                    "output": 0 if len(listed) == len(actions) - 1 else -1,
                    "Action": action,
                }
            )
        return self.add({"Op": {"file": {"actions": listed}}, "constraints": {}}, inputs)

    def _copy(self, root: str | None, copy: CopyFiles) -> str:
        actions: list[dict[str, Any]] = []
        second = self._root_of(copy) if copy.sources else None
        actions += [_copied("/" + source.lstrip("/"), copy) for source in copy.sources]
        for remote in copy.remotes:
            second = self._source(without_password(remote.url) + (f"#{remote.ref}" if remote.ref else ""))
            actions.append(_copied("/" + remote.name, copy))
        for inline in copy.inline:
            data = base64.b64encode(inline.text.encode(errors="surrogateescape")).decode()
            actions.append({"mkfile": {"path": copy.destination, "mode": 0o644, "data": data, "timestamp": -1}})
        return self._file(root, second, actions)

    def _run(self, root: str | None, run: RunCommand) -> str:
        meta: dict[str, Any] = {"args": list(run.args), "env": self._env((*run.env, *run.arguments)), "cwd": run.cwd}
        if run.user:
            meta["user"] = run.user
        if run.hosts:
            meta["extraHosts"] = [{"Host": name, "IP": address} for name, address in run.hosts]
        inputs = [root] if root is not None else []
        mounts: list[dict[str, Any]] = [{"dest": "/"} if root is not None else {"input": -1, "dest": "/"}]
        for mount in run.mounts:
            source = self._root_of(mount) if mount.reads else None
            inputs += [source] if source is not None and source not in inputs else []
            mounts.append(_mounted(mount, inputs.index(source) if source is not None else -1))
        execution: dict[str, Any] = {"meta": meta, "mounts": mounts}
        if run.network in _NETWORKS:
            execution["network"] = _NETWORKS[run.network]
        if run.is_insecure:
            execution["security"] = 1
        return self.add({"Op": {"exec": execution}, "platform": self._platform(), "constraints": {}}, inputs)

    def _env(self, pairs: Pairs) -> list[str]:
        unique = dict.fromkeys(pairs)
        kept = [f"{name}={value}" for name, value in unique if not is_private(name, value)]
        self.is_whole = self.is_whole and len(kept) == len(unique)
        return kept


def _copied(source: str, copy: CopyFiles) -> dict[str, Any]:
    found: dict[str, Any] = {
        "src": source,
        "dest": copy.destination,
        "mode": int(copy.chmod, 8) if copy.chmod and set(copy.chmod) <= set("01234567") else -1,
        "followSymlink": True,
        "dirCopyContents": True,
        "createDestPath": True,
        "allowWildcard": True,
        "allowEmptyWildcard": True,
        "timestamp": -1,
    }
    if copy.unpack or copy.unpack_remote:
        found["attemptUnpackDockerCompatibility"] = True
    if copy.chown:
        user, _, group = copy.chown.partition(":")
        found["owner"] = {"user": _owner(user), "group": _owner(group or user)}
    if copy.exclude:
        found["excludePatterns"] = list(copy.exclude)
    return {"copy": found}


def _owner(name: str) -> dict[str, Any]:
    return {"User": {"byID": int(name)} if name.isdecimal() else {"byName": {"name": name}}}


def _mounted(mount: Mount, position: int) -> dict[str, Any]:
    found: dict[str, Any] = {"input": position, "dest": mount.target, "output": -1}
    if mount.type in _MOUNT_TYPES:
        found["mountType"] = _MOUNT_TYPES[mount.type]
    if mount.read_only:
        found["readonly"] = True
    if mount.reads and mount.source not in ("", "/"):
        found["selector"] = mount.source
    if mount.type == "cache":
        found["cacheOpt"] = {"ID": mount.id, "sharing": _SHARING.get(mount.sharing, 0)}
    if mount.type == "secret":
        found["secretOpt"] = {"ID": mount.id, "optional": not mount.required}
    if mount.type == "ssh":
        found["SSHOpt"] = {"ID": mount.id, "optional": not mount.required}
    return found


def without_password(url: str) -> str:
    """An address as everyone may see it."""
    scheme, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path}" if mark else url
