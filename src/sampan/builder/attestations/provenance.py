"""SLSA provenance of a build in the words of BuildKit, versions 0.2 and 1. Pure.

https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sampan.builder.attestations.recipe import Recipe, is_private, without_password
from sampan.builder.attestations.wanted import Provenance
from sampan.builder.options import BuildOptions
from sampan.oci.attestations import Predicate
from sampan.oci.manifest import Descriptor

_V02, _V1 = "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v1"
_BUILD_TYPE_V02 = "https://mobyproject.org/buildkit@v1"
_BUILD_TYPE_V1 = "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md"
_METADATA = "https://mobyproject.org/buildkit@v1#metadata"


class Material(NamedTuple):
    """An image that went in: its package URL, and a digest."""

    uri: str
    digest: str


class Facts(NamedTuple):
    """What is known of a build. Times are RFC 3339; with `invocation` "" they are left out, so that the document is the
    same each time. `layers` are those of the image, lowest first, as its manifest has them."""

    dockerfile: str
    text: str
    platform: str
    host: str
    started: str
    finished: str
    invocation: str
    materials: Sequence[Material]
    layers: Sequence[Descriptor]


def predicate(wanted: Provenance, facts: Facts, options: BuildOptions, recipe: Recipe) -> Predicate:
    """What is said in mode=min leaves out build arguments, labels, secrets, steps and the Dockerfile."""
    return (_v1 if wanted.version == "v1" else _v02)(wanted, facts, options, recipe)


def _v02(wanted: Provenance, facts: Facts, options: BuildOptions, recipe: Recipe) -> Predicate:
    parameters, is_whole = _parameters(wanted, options)
    content: dict[str, Any] = {"builder": {"id": wanted.builder_id}, "buildType": _BUILD_TYPE_V02}
    if facts.materials:
        content["materials"] = _materials(facts)
    content["invocation"] = {
        "configSource": _config_source(facts, options, "entryPoint"),
        "parameters": parameters,
        "environment": {"platform": facts.host},
    }
    if wanted.mode == "max":
        content["buildConfig"] = _build_config(recipe)
    metadata: dict[str, Any] = {}
    if facts.invocation:
        metadata["buildInvocationID"] = facts.invocation
        metadata["buildStartedOn"], metadata["buildFinishedOn"] = facts.started, facts.finished
    metadata["completeness"] = {"parameters": is_whole, "environment": True, "materials": not _locals(options)}
    metadata["reproducible"] = wanted.is_reproducible
    metadata[_METADATA] = _own_metadata(facts, recipe) if wanted.mode == "max" else {}
    return Predicate(_V02, {**content, "metadata": metadata})


def _v1(wanted: Provenance, facts: Facts, options: BuildOptions, recipe: Recipe) -> Predicate:
    parameters, is_whole = _parameters(wanted, options)
    internal: dict[str, Any] = {"builderPlatform": facts.host}
    if wanted.mode == "max":
        internal = {"buildConfig": _build_config(recipe), **internal}
    definition: dict[str, Any] = {
        "buildType": _BUILD_TYPE_V1,
        "externalParameters": {"configSource": _config_source(facts, options, "path"), "request": parameters},
        "internalParameters": internal,
    }
    if facts.materials:
        definition["resolvedDependencies"] = _materials(facts)
    metadata: dict[str, Any] = {}
    if facts.invocation:
        metadata["invocationId"] = facts.invocation
        metadata["startedOn"], metadata["finishedOn"] = facts.started, facts.finished
    metadata["buildkit_metadata"] = _own_metadata(facts, recipe) if wanted.mode == "max" else {}
    metadata["buildkit_completeness"] = {"request": is_whole, "resolvedDependencies": not _locals(options)}
    if wanted.is_reproducible:
        metadata["buildkit_reproducible"] = True
    details = {"builder": {"id": wanted.builder_id}, "metadata": metadata}
    return Predicate(_V1, {"buildDefinition": definition, "runDetails": details})


def _materials(facts: Facts) -> list[dict[str, Any]]:
    found = []
    for material in facts.materials:
        algorithm, _, encoded = material.digest.partition(":")
        found.append({"uri": material.uri, "digest": {algorithm: encoded}})
    return found


def _config_source(facts: Facts, options: BuildOptions, entry: str) -> dict[str, Any]:
    """Where the Dockerfile is from: a URL when the context is one."""
    found = {entry: facts.dockerfile}
    return {"uri": without_password(options.origin), **found} if "://" in options.origin else found


def _locals(options: BuildOptions) -> list[dict[str, str]]:
    """Folders that the caller sent: what was in them is not named by a digest."""
    if options.origin or not options.context:
        return []
    return [{"name": "context"}, {"name": "dockerfile"}]


def _parameters(wanted: Provenance, options: BuildOptions) -> tuple[dict[str, Any], bool]:
    """What the build was asked, and whether that is all of it."""
    args: dict[str, str] = {}
    is_whole = True
    for name, value in options.build_args.items():
        if value is None:
            continue
        if wanted.mode == "max" and not is_private(name, value):
            args[f"build-arg:{name}"] = value
        else:
            is_whole = False
    for name, value in options.labels.items():
        if wanted.mode == "max":
            args[f"label:{name}"] = value
        else:
            is_whole = False
    args.update(_attributes(options))
    found: dict[str, Any] = {"frontend": "dockerfile.v0", "args": dict(sorted(args.items()))}
    if wanted.mode == "max":
        if options.secrets:
            found["secrets"] = [{"id": secret.id, "optional": True} for secret in options.secrets]
        if options.agents:
            found["ssh"] = [{"id": agent.id, "optional": True} for agent in options.agents]
    if _locals(options):
        found["locals"] = _locals(options)
    return found, is_whole


def _attributes(options: BuildOptions) -> Mapping[str, str]:
    """Options that change what is built, as the frontend of BuildKit calls them."""
    found = {
        "target": options.target,
        "force-network-mode": options.network if options.network != "default" else "",
        "add-hosts": ",".join(f"{name}={address}" for name, address in options.add_hosts),
        "shm-size": str(options.shm_bytes) if options.shm_bytes else "",
        "ulimit": ",".join(f"{name}={soft}:{hard}" for name, soft, hard in options.ulimits),
    }
    return {name: value for name, value in found.items() if value}


def _build_config(recipe: Recipe) -> dict[str, Any]:
    return {"llbDefinition": list(recipe.definition), "digestMapping": dict(recipe.digests)}


def _own_metadata(facts: Facts, recipe: Recipe) -> dict[str, Any]:
    """The Dockerfile, where each step stands in it, and the layers that the image had after each."""
    locations: dict[str, Any] = {entry["id"]: {} for entry in recipe.definition[:-1]}
    for step, (first, last) in recipe.lines.items():
        locations[step] = {"locations": [{"ranges": [{"start": {"line": first}, "end": {"line": last}}]}]}
    data = base64.b64encode(facts.text.encode(errors="surrogateescape")).decode()
    infos = [{"filename": facts.dockerfile, "language": "Dockerfile", "data": data}]
    below = len(facts.layers) - len(recipe.chain)
    layers = {
        f"{step}:0": [
            [
                {"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}
                for layer in facts.layers[: below + position + 1]
            ]
        ]
        for position, step in enumerate(recipe.chain)
    }
    return {"source": {"locations": locations, "infos": infos}, "layers": layers}
