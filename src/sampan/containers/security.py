"""Capabilities and --security-opt. Pure."""

from sampan.containers.options import RunOptions
from sampan.errors import InvalidArgument, Unsupported
from sampan.runtime.defaults import ALL_CAPABILITIES, DEFAULT_CAPABILITIES
from sampan.values import NamedTuple


class SecurityChoices(NamedTuple):
    """What --security-opt chose. `seccomp` is "" (default), "unconfined" or a path; `writable_cgroups` None leaves it
    to --privileged."""

    seccomp: str = ""
    no_new_privileges: bool = False
    unmasked: bool = False
    writable_cgroups: bool | None = None


def parse_options(texts: tuple[str, ...]) -> SecurityChoices:
    """Raises InvalidArgument in Docker's words, Unsupported for what this host has not."""
    choices = SecurityChoices()
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator and ":" in text:
            key, separator, value = text.partition(":")
        if key == "no-new-privileges":
            if value not in ("", "true", "false"):
                raise InvalidArgument(f'invalid --security-opt 2: "{text}"')
            choices = choices._replace(no_new_privileges=value != "false")
        elif key == "seccomp" and value:
            choices = choices._replace(seccomp="" if value == "builtin" else value)
        elif key == "systempaths" and value == "unconfined":
            choices = choices._replace(unmasked=True)
        elif key == "writable-cgroups" and value in ("true", "false"):
            choices = choices._replace(writable_cgroups=value == "true")
        elif key == "apparmor" and value:
            if value not in ("unconfined", "docker-default"):
                raise Unsupported(f"AppArmor profile {value} cannot be applied: profiles are not loaded by sampan")
        elif key == "label" and value == "disable":
            continue
        elif key == "label" and value:
            raise Unsupported("SELinux labels cannot be applied on this host", hint="--security-opt label=disable")
        elif not separator:
            raise InvalidArgument(f'Invalid --security-opt: "{text}"')
        else:
            raise InvalidArgument(f'invalid --security-opt 2: "{text}"')
    return choices


def capabilities(options: RunOptions, available: frozenset[str] = frozenset(ALL_CAPABILITIES)) -> tuple[str, ...]:
    """The capabilities a container gets, in Docker's order. Raises InvalidArgument for an unknown name.

    `available` is what the host lets us give: ALL and --privileged mean all of these.
    """
    added = [_capability(name, "CapAdd") for name in options.cap_add]
    dropped = [_capability(name, "CapDrop") for name in options.cap_drop]
    everything = tuple(name for name in ALL_CAPABILITIES if name in available)
    if options.privileged:
        return everything
    if "ALL" in added:
        chosen = everything
    elif "ALL" in dropped:
        chosen = ()
    else:
        chosen = tuple(name for name in DEFAULT_CAPABILITIES if name not in dropped)
    chosen = tuple(name for name in chosen if name not in dropped)
    return (*chosen, *(name for name in dict.fromkeys(added) if name != "ALL" and name not in chosen))


def _capability(name: str, field: str) -> str:
    upper = name.upper()
    if upper == "ALL":
        return upper
    full = upper if upper.startswith("CAP_") else "CAP_" + upper
    if full not in ALL_CAPABILITIES:
        raise InvalidArgument(f'invalid {field}: unknown capability: "{full}"')
    return full


def device_rules(texts: tuple[str, ...]) -> tuple[tuple[str, int | None, int | None, str], ...]:
    """Rules such as "c 42:* rmw". Raises InvalidArgument."""
    rules = []
    for text in texts:
        words = text.split()
        numbers = words[1].split(":") if len(words) == 3 else []
        is_rule = len(numbers) == 2 and words[0] in ("a", "b", "c") and set(words[2]) <= set("rwm")
        if not is_rule or not all(number == "*" or (number.isdecimal() and len(number) < 10) for number in numbers):
            raise InvalidArgument(f"invalid device cgroup format '{text}'", hint="such as 'c 42:* rwm'")
        major, minor = (None if number == "*" else int(number) for number in numbers)
        rules.append((words[0], major, minor, words[2]))
    return tuple(rules)
