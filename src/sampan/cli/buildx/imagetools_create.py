"""`sampan buildx imagetools create`."""

import json
import sys

from sampan.cli.builder.annotations import annotations_of
from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import BOOL, STRING, STRINGS
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] [SOURCE] [SOURCE...]",
    summary="Make one name of images that registries have",
    examples=(
        Example(
            "Images of two platforms under one name",
            "buildx imagetools create -t reg.example.com/web:1 reg.example.com/web:1-amd64 reg.example.com/web:1-arm64",
        ),
    ),
    flags=(
        Flag("annotation", STRINGS, "Annotation of the index, index:KEY=VALUE"),
        Flag("append", BOOL, "Add to what the tag means"),
        Flag("builder", STRING, "", hidden=True),
        Flag("dry-run", BOOL, "Print the document instead of sending it"),
        Flag("file", STRINGS, "", "f", hidden=True),
        Flag("metadata-file", STRING, "Write digest and name to this file, as JSON"),
        Flag("platform", STRINGS, "Take only images for this platform", "p"),
        Flag("prefer-index", BOOL, "Make an index of one image too", default="true"),
        Flag("progress", STRING, "", hidden=True),
        Flag("tag", STRINGS, "Name of the result, NAME[:TAG]", "t"),
    ),
    takes=(0, None),
)


def execute(invocation: Invocation) -> int:
    parsed = invocation.parsed
    if parsed.is_given("file"):
        raise ClientError("ERROR: --file is not supported", hint="name the images themselves, by digest")
    tags, is_dry = parsed.strings("tag"), parsed.boolean("dry-run")
    if not tags and not is_dry:
        raise ClientError("ERROR: can't push without a tag, use --tag or --dry-run", hint="as in -t NAME:TAG")
    annotations = annotations_of(parsed.strings("annotation"))
    if any(one.level != "index" for one in annotations):
        raise ClientError("ERROR: annotations of an index begin with index:", hint="--annotation index:KEY=VALUE")
    content, digest = (
        Engine(invocation.settings.root or None)
        .image_tools(invocation.settings.config)
        .create(
            invocation.arguments,
            tags,
            annotations={one.key: one.value for one in annotations},
            wanted=[name for text in parsed.strings("platform") for name in text.split(",") if name],
            append=parsed.boolean("append"),
            prefers_index=parsed.boolean("prefer-index"),
            dry_run=is_dry,
        )
    )
    if is_dry:
        sys.stdout.write(json.dumps(json.loads(content), indent=2) + "\n")
        return 0
    for tag in tags:
        print(f"pushing {digest} to {tag}", file=sys.stderr)
    if parsed.is_given("metadata-file"):
        from sampan.cli.builder import metadata

        fields = {"containerimage.digest": digest, "image.name": ",".join(metadata.shown(tag) for tag in tags)}
        metadata.write_document(parsed.string("metadata-file"), fields)
    return 0
