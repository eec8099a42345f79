"""How the context of a build is shown."""

import json
import os

from sampan.builder.files.sizes import Sizes
from sampan.builder.files.survey import Reason, Survey
from sampan.cli.output import human_size, table
from sampan.dockerfile.errors import visible

_SHOWN = 10  # folders


def survey(found: Survey, *, shows_all: bool) -> str:
    """A line about the whole, then the folders, the largest first."""
    folders = found.sent.folders if shows_all else found.sent.folders[:_SHOWN]
    rows = [("FOLDER", "SIZE", "FILES"), (".", human_size(found.sent.bytes, 3), str(found.sent.files))]
    rows += [(visible(folder.path), human_size(folder.bytes, 3), str(folder.files)) for folder in folders]
    lines = [_summary(found), "", table(rows).rstrip("\n")]
    hidden = len(found.sent.folders) - len(folders)
    if hidden:
        lines.append(f"... and {hidden} smaller folder{'s' if hidden > 1 else ''}; --all shows them")
    return "\n".join(lines)


def _summary(found: Survey) -> str:
    out = found.all.bytes - found.sent.bytes
    count = found.all.files - found.sent.files
    name = os.path.basename(found.ignore_file)
    if not name:
        return f"{_of(found.sent)}; there is no .dockerignore"
    return f"{_of(found.sent)}; {name} keeps out {human_size(out, 3)} in {count} file{'' if count == 1 else 's'}"


def _of(sizes: Sizes) -> str:
    return f"{human_size(sizes.bytes, 3)} in {sizes.files} file{'' if sizes.files == 1 else 's'}"


def reason(why: Reason) -> str:
    """One sentence."""
    path, name = visible(why.path), os.path.basename(why.ignore_file)
    if not why.line:
        return f"{path} is in the context: " + (
            f"no line of {name} is about it" if name else "there is no .dockerignore"
        )
    verdict = "is in the context: line {} of {} takes it back in" if why.is_sent else "is kept out by line {} of {}"
    return f"{path} {verdict.format(why.line, name)}: {visible(why.text)}"


def as_json(found: Survey) -> str:
    """The whole, with all folders."""

    def sizes(part: Sizes) -> dict[str, object]:
        return {**part._asdict(), "folders": [folder._asdict() for folder in part.folders]}

    return json.dumps({**found._asdict(), "sent": sizes(found.sent), "all": sizes(found.all)})
