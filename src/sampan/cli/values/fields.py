"""Comma-separated fields as encoding/csv reads one line of them: --mount, --network and the long form of -p."""


def split_fields(text: str) -> list[str]:
    """The fields of one CSV record. Raises ValueError for quotes that do not match."""
    fields: list[str] = []
    rest = text
    while True:
        if rest.startswith('"'):
            field, rest = _quoted(rest)
        else:
            field, comma, tail = rest.partition(",")
            if '"' in field:
                raise ValueError(
                    f'parse error on line 1, column {len(text) - len(rest) + 1}: bare " in non-quoted-field'
                )
            rest = comma + tail
        fields.append(field)
        if not rest:
            return fields
        rest = rest[1:]


def _quoted(text: str) -> tuple[str, str]:
    parts: list[str] = []
    rest = text[1:]
    while True:
        part, quote, rest = rest.partition('"')
        parts.append(part)
        if not quote or (rest and rest[0] not in '",'):
            raise ValueError('parse error on line 1: extraneous or missing " in quoted-field')
        if not rest.startswith('"'):
            return "".join(parts), rest
        parts.append('"')
        rest = rest[1:]


def split_pair(field: str) -> tuple[str, str, bool]:
    """(key in lower case, value, whether there was an =)."""
    key, equals, value = field.partition("=")
    return key.strip().lower(), value.strip(), bool(equals)
