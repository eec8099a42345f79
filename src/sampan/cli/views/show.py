"""`inspect` of any kind: find each object, print all documents, then say what was not found."""

import sys
from collections.abc import Callable
from typing import Any

from sampan.cli.command import Invocation
from sampan.cli.errors import ClientError, describe, with_hint
from sampan.cli.gotemplate import Record, Template, TemplateError, TemplateParseError, to_json
from sampan.cli.views.inspect import Inspection, PartialOutput
from sampan.errors import SampanError


def show(invocation: Invocation, find: Callable[[str], dict[str, Any]]) -> int:
    """Print what is found of the arguments; 1 when one was not."""
    inspection = Inspection(invocation.parsed.string("format"))
    found, complaints = [], []
    for name in invocation.arguments:
        try:
            found.append(find(name))
        except SampanError as error:
            complaints.append(with_hint(describe(error), error))
    _print(inspection, found)
    sys.stdout.flush()
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return 1 if complaints else 0


def show_one(invocation: Invocation, record: Record, readable: str, name: str = "") -> int:
    """Print one document: readable, as JSON, or through a template, which is called `name` in messages."""
    form = invocation.parsed.string("format")
    if not form:
        print(readable, end="")
    elif form == "json":
        print(to_json(record))
    else:
        try:
            print(Template(form, name=name).execute(record))
        except TemplateParseError as problem:
            raise ClientError(f"template parsing error: {problem.message}", exit_code=64) from None
        except TemplateError as problem:
            raise ClientError(problem.message) from None
    return 0


def _print(inspection: Inspection, found: list[dict[str, Any]]) -> None:
    try:
        print(inspection.render(found), end="")
    except PartialOutput as problem:
        print(problem.output, end="")
        raise
