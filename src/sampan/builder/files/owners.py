"""Who owns what a build makes: --chown, and the user of WORKDIR, in the words of the root's passwd and group. Pure."""

from typing import NamedTuple

from sampan.errors import InvalidArgument
from sampan.runtime import users


class Owner(NamedTuple):
    uid: int
    gid: int


def is_number(text: str) -> bool:
    """Whether "user[:group]" needs no passwd and group to be understood."""
    return all(part.isdigit() for part in text.split(":"))


def resolve(text: str, passwd: str, group: str) -> Owner:
    """The owner that "user[:group]" means. A number without a group is its own group, a name has its primary one.

    Raises InvalidArgument for a name that is not there.
    """
    user, _, group_text = text.partition(":")
    if user.isdigit() and not group_text:
        number = users.resolve(f"{user}:{user}", "", "").user
        return Owner(number.uid, number.gid)
    try:
        found = users.resolve(text, passwd, group).user
    except InvalidArgument as error:
        raise InvalidArgument(
            error.message, hint="make the user in an earlier RUN (useradd, adduser), or give numbers as in 1000:1000"
        ) from error
    return Owner(found.uid, found.gid)
