"""`--timings`, `--trace` and `--explain-json` of `sampan build`: what the build did, also where it failed."""

import os
import sys

from sampan.builder.options import BuildOptions
from sampan.builder.report import to_text
from sampan.cli.builder.explain import write
from sampan.cli.flags import Parsed
from sampan.cli.views import build_report
from sampan.engine.engine import Engine


def tell(parsed: Parsed, engine: Engine, options: BuildOptions) -> None:
    """Print and write what was asked for. Raises ClientError for a file that cannot be written."""
    is_folder = options.dockerfile_text is None and os.path.isdir(options.context)
    report = engine.build_report(options.context, options.dockerfile) if is_folder else engine.build_report()
    if report is None:
        return  # the build ended before it had a plan
    if parsed.boolean("timings"):
        print("\n" + build_report.timings(report), end="", file=sys.stderr)
    if parsed.string("trace"):
        write(parsed.string("trace"), build_report.trace(report))
    if parsed.string("explain-json"):
        write(parsed.string("explain-json"), to_text(report) + "\n")
