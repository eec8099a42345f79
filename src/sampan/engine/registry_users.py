"""Who may use a registry of one's own, for the faces."""

from sampan.registry.server.users import (
    ACTIONS,
    EVERY_USER,
    EVERYBODY,
    add,
    allow,
    auth_file,
    check_grants,
    read_rules,
    read_users,
    remove,
)

__all__ = [
    "ACTIONS",
    "EVERYBODY",
    "EVERY_USER",
    "add",
    "allow",
    "auth_file",
    "check_grants",
    "read_rules",
    "read_users",
    "remove",
]
