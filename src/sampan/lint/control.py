"""Which rules are looked at: the check directive of a Dockerfile, and the build argument that is laid over it. Pure."""

from collections.abc import Mapping

from sampan.errors import InvalidArgument
from sampan.lint.findings import Rule
from sampan.values import NamedTuple

ARGUMENT = "BUILDKIT_DOCKERFILE_CHECK"
_ALL = "all"


class Control(NamedTuple):
    """`skipped` and `experimental` are rules in lower case, or "all"; with `is_error` findings stop a build."""

    skipped: frozenset[str] = frozenset()
    experimental: frozenset[str] = frozenset()
    is_error: bool = False

    def wants(self, rule: Rule) -> bool:
        name = rule.id.lower()
        if rule.is_experimental:
            return bool(self.experimental & {_ALL, name}) and name not in self.skipped
        return not self.skipped & {_ALL, name}


def control_of(directive: str, build_args: Mapping[str, str]) -> Control:
    """What `# check=skip=A,B;error=true;experimental=all` asks for, and the build argument BUILDKIT_DOCKERFILE_CHECK
    after it. Raises InvalidArgument for another option or a value that is none."""
    control = Control()
    for text in (directive, build_args.get(ARGUMENT, "")):
        for option in filter(None, text.split(";")):
            control = _with(control, option.strip())
    return control


def _with(control: Control, option: str) -> Control:
    name, equals, value = option.partition("=")
    hint = "the check directive takes skip=RULE,RULE, error=true and experimental=RULE, apart by a semicolon"
    if not equals:
        raise InvalidArgument(f'failed to parse check options: invalid check option "{option}"', hint=hint)
    names = frozenset(part.strip().lower() for part in value.split(",") if part.strip())
    match name.strip():
        case "skip":
            return control._replace(skipped=names)
        case "experimental":
            return control._replace(experimental=names)
        case "error":
            if value.lower() not in _BOOLEANS:
                raise InvalidArgument(
                    f"failed to parse check options: error={value} is neither true nor false", hint=hint
                )
            return control._replace(is_error=_BOOLEANS[value.lower()])
    raise InvalidArgument(f'failed to parse check options: invalid check option "{name.strip()}"', hint=hint)


_BOOLEANS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}
