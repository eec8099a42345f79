"""`sampan manifest inspect`."""

import base64
import json
from typing import Any

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.flags import Flag
from sampan.cli.image.asked import checked
from sampan.cli.kinds import BOOL
from sampan.cli.manifest.refusing import by_the_client
from sampan.engine.engine import Engine
from sampan.oci import manifest as manifests
from sampan.oci.manifest import Descriptor

INSECURE = Flag("insecure", BOOL, "Let the registry be without TLS")

COMMAND = Command(
    arguments="[OPTIONS] [MANIFEST_LIST] MANIFEST",
    summary="Show an image's manifest, or the list of its platforms",
    examples=(Example("For which platforms an image is there", "manifest inspect debian:bookworm"),),
    flags=(INSECURE, Flag("verbose", BOOL, "Show the manifests in a list too, with platforms", "v")),
    takes=(1, 2),
)

_FIRST = ("schemaVersion", "mediaType", "size", "digest", "manifests", "platform")


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    text = invocation.arguments[-1]
    checked(text)
    engine = Engine(invocation.settings.root or None)
    lists = engine.manifest_lists(invocation.settings.config, insecure=parsed.boolean("insecure"))
    with by_the_client():
        if parsed.boolean("verbose"):
            _show(_verbose(text, *lists.inspect(text)))
        else:
            document = json.loads(lists.document(text).content)
            if "manifests" in document:
                _show(_ordered(document), indent="   ")
            else:
                _show(document)
    return 0


def _show(document: Any, indent: str = "\t") -> None:
    print(json.dumps(document, indent=indent, ensure_ascii=False))


def _ordered(value: Any) -> Any:
    """Keys of a list in docker's order; others after them, as they stand."""
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    if not isinstance(value, dict):
        return value
    names = [*(name for name in _FIRST if name in value), *(name for name in value if name not in _FIRST)]
    return {name: _ordered(value[name]) for name in names}


def _verbose(text: str, found: Any, inner: list[tuple[Descriptor, Any]]) -> Any:
    name = checked(text)
    if inner:
        entries = []
        for descriptor, fetched in inner:
            platform = manifests.platform_of(descriptor)
            fields = {"architecture": platform.architecture, "os": platform.os} if platform else {}
            if platform and platform.variant:
                fields["variant"] = platform.variant
            entries.append(_entry(f"{name.name}@{descriptor.digest}", fetched, fields))
        return entries
    return _entry(name.normalised(), found, {})


def _entry(name: str, fetched: Any, platform: dict[str, str]) -> dict[str, Any]:
    document = json.loads(fetched.content)
    kind = "OCIManifest" if document.get("mediaType") == manifests.OCI_MANIFEST else "SchemaV2Manifest"
    descriptor = {
        "mediaType": document.get("mediaType", fetched.media_type),
        "digest": fetched.digest,
        "size": len(fetched.content),
        **({"platform": platform} if platform else {}),
    }
    return {"Ref": name, "Descriptor": descriptor, "Raw": base64.b64encode(fetched.content).decode(), kind: document}
