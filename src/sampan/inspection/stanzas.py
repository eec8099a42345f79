"""Texts of `Name: value` lines in paragraphs, as dpkg and Python's packages have (deb822, RFC 822)."""

from collections.abc import Iterator


def stanzas(text: str, *, is_one: bool = False) -> Iterator[dict[str, str]]:
    """The paragraphs, each its fields by lower-case name; of a field that is there twice the first. A line that begins
    with a space goes on with the value before. With `is_one` only the first paragraph is read: a body may follow it."""
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if not line.strip():
            if fields:
                yield fields
                if is_one:
                    return
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line.strip()
        else:
            key, colon, value = line.partition(":")
            key = key.strip().lower()
            name = key if colon and key not in fields else ""
            if name:
                fields[name] = value.strip()
    if fields:
        yield fields
