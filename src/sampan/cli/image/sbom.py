"""`sampan image sbom`."""

import json
import sys

from sampan.cli.command import Command, Example, Invocation
from sampan.cli.errors import ClientError
from sampan.cli.flags import Flag
from sampan.cli.kinds import STRING
from sampan.cli.output import table
from sampan.dockerfile.errors import visible
from sampan.engine.engine import Engine

COMMAND = Command(
    arguments="[OPTIONS] IMAGE",
    summary="List the packages that are installed in an image",
    examples=(
        Example("As a table", "image sbom web:1.0"),
        Example("As a document of SPDX", "image sbom --format spdx-json web:1.0"),
    ),
    flags=(Flag("format", STRING, "table (the default), or spdx-json"),),
    takes=(1, 1),
)


def execute(invocation: Invocation) -> int:
    form = invocation.parsed.string("format") or "table"
    if form not in ("table", "spdx-json"):
        raise ClientError(f"--format {form}: write table or spdx-json")
    name = invocation.arguments[0]
    image, found = Engine(invocation.settings.root or None).images.packages(name)
    if form == "table":
        rows = [("NAME", "VERSION", "TYPE"), *((one.name, one.version, one.kind) for one in found.packages)]
        sys.stdout.write(table([tuple(map(visible, row)) for row in rows]))
        for path, why in found.unread:
            print(f"not read: /{visible(path)}: {why}", file=sys.stderr)
        return 0
    from sampan import __version__
    from sampan.inspection import spdx

    created = (image.created or "1970-01-01T00:00:00Z").partition(".")[0].rstrip("Z") + "Z"
    print(json.dumps(spdx.document(name, found, created, f"sampan-{__version__}"), ensure_ascii=False))
    return 0
