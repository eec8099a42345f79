"""Who a process runs as: `-u` and USER looked up in the passwd and group files of a root file system. Pure."""

from sampan.errors import InvalidArgument
from sampan.runtime.spec import User
from sampan.values import NamedTuple

MAXIMUM_ID = 2147483647
_MOST_GROUPS = 65536


class Identity(NamedTuple):
    """A resolved user and its home directory ("/" when it has none)."""

    user: User
    home: str


def resolve(text: str, passwd: str, group: str, extra_groups: tuple[str, ...] = ()) -> Identity:
    """Resolve "name|uid[:group|gid]" ("" is root) as Docker does; a numeric user need not exist.

    Without a group the user's own group and its supplementary ones are taken. Raises InvalidArgument in Docker's words.
    """
    user_text, _, group_text = text.partition(":")
    entry = _passwd_entry(user_text or "0", passwd)
    if entry is None and not _is_number(user_text) and user_text:
        raise InvalidArgument(f"unable to find user {user_text}: no matching entries in passwd file")
    name, uid, gid, home = entry if entry is not None else ("", _identifier(user_text or "0"), 0, "/")
    groups: list[int] = []
    if group_text:
        gid = _group_id(group_text, group)
    elif name:
        groups = [number for _, number, members in _groups(group) if name in members and number != gid]
    groups += [_group_id(extra, group) for extra in extra_groups]
    # Its own group is among them, or a file that denies the group something could be read by leaving it.
    unique = tuple(dict.fromkeys([gid, *groups]))
    if len(unique) > _MOST_GROUPS:
        raise InvalidArgument(f"user {user_text} is in {len(unique)} groups; the kernel knows {_MOST_GROUPS} at most")
    return Identity(User(uid, gid, unique), home or "/")


def _identifier(text: str) -> int:
    if not _is_id(text):
        raise InvalidArgument(f"uids and gids must be in range 0-{MAXIMUM_ID}")
    return int(text)


def _is_number(text: str) -> bool:
    """Whether a text is digits and nothing else; Python knows digits, such as a superscript, that are no number."""
    return text.isascii() and text.isdigit()


def _is_id(text: str) -> bool:
    """Whether a text is a user's or group's number. A long one is not even converted: that takes quadratic time."""
    digits = text.lstrip("0")
    return _is_number(text) and len(digits) <= 10 and int(digits or "0") <= MAXIMUM_ID


def _passwd_entry(text: str, passwd: str) -> tuple[str, int, int, str] | None:
    number = _identifier(text) if _is_number(text) else None
    for line in passwd.split("\n"):
        fields = line.split(":")
        if len(fields) < 6 or not _is_id(fields[2]) or not _is_id(fields[3]):
            continue
        if fields[0] == text or (number is not None and int(fields[2]) == number):
            return fields[0], int(fields[2]), int(fields[3]), fields[5]
    return None


def _groups(group: str) -> list[tuple[str, int, tuple[str, ...]]]:
    found = []
    for line in group.split("\n"):
        fields = line.split(":")
        if len(fields) >= 3 and _is_id(fields[2]):
            members = fields[3].split(",") if len(fields) > 3 else []
            found.append((fields[0], int(fields[2]), tuple(members)))
    return found


def _group_id(text: str, group: str) -> int:
    for name, number, _ in _groups(group):
        if name == text:
            return number
    if _is_number(text):
        return _identifier(text)
    raise InvalidArgument(f"unable to find group {text}: no matching entries in group file")
