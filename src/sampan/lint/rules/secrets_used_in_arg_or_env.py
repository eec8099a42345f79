"""What ARG and ENV hold is in the image's history or configuration, for everyone who gets it. A secret is given with
`--secret` and read by `RUN --mount=type=secret`, and leaves no trace."""

import re
from collections.abc import Iterator

from sampan.dockerfile.instructions import Arg, Env
from sampan.lint.findings import Found, Rule
from sampan.lint.subject import Subject

_SECRET = re.compile(r"(?i)(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)")
_HARMLESS = re.compile(r"(?i)(?:_|^)(?:public|file|version)(?:_|$)")


def looks_secret(name: str) -> bool:
    """Whether a variable's name says that its value is not for everyone."""
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name)


def check(subject: Subject) -> Iterator[Found]:
    for stage in subject.built():
        for instruction in stage.instructions:
            if isinstance(instruction, Arg | Env):
                kind = type(instruction).__name__.upper()
                for name, _ in instruction.pairs:
                    if looks_secret(name):
                        message = f'Do not use ARG or ENV instructions for sensitive data ({kind} "{name}")'
                        yield instruction.line.first, instruction.line.last, message


RULE = Rule(
    "SecretsUsedInArgOrEnv",
    "Sensitive data should not be used in the ARG or ENV commands",
    check,
    bad="FROM busybox\nARG API_TOKEN\nRUN fetch --token $API_TOKEN\n",
    good="FROM busybox\nRUN --mount=type=secret,id=token,env=API_TOKEN fetch --token $API_TOKEN\n",
)
