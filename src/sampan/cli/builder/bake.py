"""`sampan buildx bake`."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from sampan.bake import files, targets
from sampan.builder.failures import BuildFailed
from sampan.builder.options import BuildOptions, BuildResult
from sampan.cli.builder.build_flags import FLAGS
from sampan.cli.builder.build_options import build_options
from sampan.cli.builder.printing import MODES, printer
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import AlreadyReported, ClientError, with_hint
from sampan.cli.flags import Flag, parse
from sampan.cli.kinds import BOOL, STRING, STRINGS
from sampan.engine.engine import Engine
from sampan.errors import SampanError
from sampan.oci import platform

COMMAND = Command(
    arguments="[OPTIONS] [TARGET...]",
    summary="Build the targets of a bake file or of a Compose file",
    examples=(
        Example("What docker-bake.json or compose.yaml here describes", "buildx bake"),
        Example("See what would be built, with another tag", "buildx bake --print --set app.tags=web:2 app"),
    ),
    flags=(
        Flag("allow", STRINGS, "Let builds do more: network.host, security.insecure"),
        Flag("builder", STRING, "", hidden=True),
        Flag("call", STRING, "What to do: build, check, outline or targets", default="build"),
        Flag("check", BOOL, "Look for bad practice instead of building"),
        Flag("debug", BOOL, "", "D", hidden=True),
        Flag("file", STRINGS, "A bake file or a Compose file, - for stdin", "f"),
        Flag("list", STRING, "List targets or variables"),
        Flag("load", BOOL, "Keep the images in this store too"),
        Flag("metadata-file", STRING, "Write what was built to this file, as JSON"),
        Flag("no-cache", BOOL, "Run every step again"),
        Flag("print", BOOL, "Show what would be built, as JSON"),
        Flag("progress", STRING, "How progress looks, as of build", shown_default="auto"),
        Flag("provenance", STRING, "Provenance attestation, true or false"),
        Flag("pull", BOOL, "Look for newer base images"),
        Flag("push", BOOL, "Send the images to their registries"),
        Flag("sbom", STRING, "Bill of materials, true or false"),
        Flag("set", STRINGS, "Change a target, TARGET.KEY=VALUE"),
        Flag("var", STRINGS, "Value of a variable, NAME=VALUE"),
    ),
    takes=(0, None),
)
_ORDER = (
    "annotations", "attest", "context", "contexts", "dockerfile", "dockerfile-inline", "args", "labels", "tags",
    "cache-from", "cache-to", "target", "secret", "ssh", "platforms", "output", "pull", "no-cache", "network",
    "no-cache-filter", "shm-size", "ulimits", "call", "entitlements", "extra-hosts", "description",
)  # fmt: skip
_FLAGS = {
    "annotations": "annotation", "attest": "attest", "cache-from": "cache-from", "cache-to": "cache-to",
    "entitlements": "allow", "no-cache-filter": "no-cache-filter", "output": "output", "platforms": "platform",
    "secret": "secret", "ssh": "ssh", "tags": "tag", "ulimits": "ulimit",
    "network": "network", "shm-size": "shm-size", "target": "target",
}  # fmt: skip
_PAIRS = {"args": ("build-arg", "="), "labels": ("label", "="), "contexts": ("build-context", "="),
          "extra-hosts": ("add-host", ":")}  # fmt: skip

_PRIVILEGES = {
    "network.host": "Running build containers that can access host network",
    "security.insecure": "Running privileged containers that can make system changes",
}


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    if parsed.string("progress") not in MODES:
        raise ClientError(f"ERROR: invalid progress mode {parsed.string('progress')}")
    try:
        definition = files.load(parsed.strings("file") or files.default_files(), os.environ)
        if parsed.is_given("list"):
            return _list(definition, parsed.string("list"))
        host = str(platform.host_platform(os.uname().machine))
        values = {"BAKE_LOCAL_PLATFORM": host, **os.environ, **dict(_pair(text) for text in parsed.strings("var"))}
        sets = list(parsed.strings("set"))
        groups, found = targets.resolved(definition, invocation.arguments, sets, values)
    except SampanError as error:
        raise ClientError(f"ERROR: {error.message}", hint=error.hint) from error
    requested = sorted({name for fields in found.values() for name in _entitlements(fields)})
    for fields in found.values():
        _apply_flags(invocation, fields)
    if parsed.boolean("print"):
        print(json.dumps(_document(groups, found), indent=2, ensure_ascii=False))
        return 0
    _check_allowed(requested, parsed.strings("allow"))
    wanted = {name: _options(invocation, name, fields) for name, fields in found.items()}
    return _build_all(invocation, wanted, found)


def _entitlements(fields: dict[str, Any]) -> set[str]:
    """What a target asks for that a file, which may be another's, must not grant to itself."""
    return {*fields.get("entitlements", ()), *(("network.host",) if fields.get("network") == "host" else ())}


def _check_allowed(requested: Sequence[str], allowed: Sequence[str]) -> None:
    """Raises ClientError, as buildx where it cannot ask, for what only the command line may allow."""
    missing = [name for name in requested if name not in allowed]
    if missing:
        flags = " ".join(f"--allow {name}" for name in missing)
        reasons = "".join(f"\n - {_PRIVILEGES.get(name, name)}" for name in missing)
        raise ClientError(
            "Your build is requesting privileges for following possibly insecure capabilities:\n"
            f'{reasons}\n\nPass "{flags}" to grant requested privileges.\nERROR: additional privileges requested'
        )


def _list(definition: files.Definition, what: str) -> int:
    kind = what.partition("=")[2] if what.startswith("type=") else what
    if kind == "variables":
        rows = [("VARIABLE", "VALUE"), *sorted(definition.variables.items())]
    elif kind == "targets":
        described = {name: str(fields.get("description") or "") for name, fields in definition.targets.items()}
        groups = {name: ", ".join(members) for name, members in definition.groups.items()}
        rows = [("TARGET", "DESCRIPTION"), *sorted({**described, **groups}.items())]
    else:
        raise ClientError(f"ERROR: invalid list type {what}", hint="targets or variables")
    width = max(len(name) for name, _ in rows) + 3
    print("\n".join(f"{name:<{width}}{text}".rstrip() for name, text in rows))
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ClientError(f"ERROR: invalid value {text} of --var", hint="as in --var TAG=2")
    return name, value


def _apply_flags(invocation: Invocation, fields: dict[str, Any]) -> None:
    """Options of the command line hold for every target."""
    parsed = invocation.parsed
    for key in ("no-cache", "pull"):
        if parsed.is_given(key):
            fields[key] = parsed.boolean(key)
    if parsed.boolean("push"):
        fields["output"] = [*(one for one in fields.get("output", ()) if "registry" not in one), "type=registry"]
    if parsed.boolean("load"):
        fields["output"] = [*fields.get("output", ()), "type=docker"]
    attests = [f"type={kind},disabled=true" if value in ("false", "0") else f"type={kind}" + _mode(value)
               for kind in ("provenance", "sbom") if (value := parsed.string(kind))]  # fmt: skip
    if attests:
        fields["attest"] = [*fields.get("attest", ()), *attests]
    if parsed.strings("allow"):
        fields["entitlements"] = [*fields.get("entitlements", ()), *parsed.strings("allow")]


def _mode(value: str) -> str:
    return "" if value in ("true", "1") else f",{value}"


def _document(groups: dict[str, list[str]], found: dict[str, dict[str, Any]]) -> dict[str, Any]:
    shown = {
        name: {key: _shown(key, fields[key]) for key in _ORDER if fields.get(key) not in (None, [], {}, False, "")}
        for name, fields in sorted(found.items())
    }
    return {"group": {name: {"targets": members} for name, members in sorted(groups.items())}, "target": shown}


def _shown(key: str, value: Any) -> Any:
    """Caches and outputs as objects, as buildx shows them."""
    if key not in ("cache-from", "cache-to", "output"):
        return value
    return [_fields(text) if "=" in text else _named(key, text) for text in value]


def _fields(text: str) -> dict[str, str]:
    return dict(sorted(field.partition("=")[::2] for field in text.split(",")))


def _named(key: str, text: str) -> dict[str, str]:
    return {"dest": text, "type": "local"} if key == "output" else {"ref": text, "type": "registry"}


def _options(invocation: Invocation, name: str, fields: dict[str, Any]) -> BuildOptions:
    """A target as what `sampan build` would be asked for. Raises ClientError."""
    context = fields["context"]
    words = []
    for key, flag in _FLAGS.items():
        value = fields.get(key) or ()
        words += [word for text in ([value] if isinstance(value, str) else value) for word in (f"--{flag}", text)]
    for key, (flag, sign) in _PAIRS.items():
        for entry, value in (fields.get(key) or {}).items():
            if str(value).startswith("target:"):
                raise ClientError(
                    f"ERROR: target {name}: contexts.{entry} is another target, which is not supported",
                    hint="give it a tag, build it first, and write docker-image://TAG",
                )
            words += [f"--{flag}", entry if value is None else f"{entry}{sign}{value}"]
    words += [f"--{key}" for key in ("no-cache", "pull") if fields.get(key)]
    if "dockerfile-inline" not in fields:
        is_here = "://" not in context and context != "-"
        words += ["--file", os.path.join(context, fields["dockerfile"]) if is_here else fields["dockerfile"]]
    options = build_options(parse(FLAGS, [*words, "--", context]), invocation.settings)
    if "dockerfile-inline" in fields:
        options = options._replace(dockerfile_text=fields["dockerfile-inline"], dockerfile="")
    return options


def _build_all(invocation: Invocation, wanted: dict[str, BuildOptions], found: dict[str, dict[str, Any]]) -> int:
    parsed = invocation.parsed
    engine = Engine(invocation.settings.root or None)
    call = "check" if parsed.boolean("check") else parsed.string("call") or "build"
    if call != "build":
        from sampan.cli.builder import calls

        codes = [
            calls.execute(engine, options, call, parsed.string("progress"), invocation.settings.config)
            for options in wanted.values()
        ]
        return max(codes, default=0)
    metadata = {}
    for name, options in wanted.items():
        result = _build(engine, name, options, parsed.string("progress"), invocation.settings.config)
        if parsed.is_given("metadata-file"):
            from sampan.cli.builder import metadata as documents

            metadata[name] = documents.document(result, tuple(found[name].get("tags", ())))
    if parsed.is_given("metadata-file"):
        documents.write_document(parsed.string("metadata-file"), metadata)
    return 0


def _build(engine: Engine, name: str, options: BuildOptions, progress: str, config: str) -> BuildResult:
    try:
        with printer(progress) as on_event:
            return engine.build(options, on_event, config=config)
    except BuildFailed as error:
        print(with_hint(error.report().replace("ERROR: ", f"ERROR: target {name}: ", 1), error), file=sys.stderr)
    except SampanError as error:
        print(with_hint(f"ERROR: target {name}: {error.message}", error), file=sys.stderr)
    raise AlreadyReported(1)
