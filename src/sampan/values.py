"""NamedTuple for the start path: what typing.NamedTuple is, made in a sixth of its time.

typing checks every annotation and compiles a constructor for each class, 60 to 500 microseconds, and a start has fifty
of them. This one takes the names from the class body as they stand; a type checker sees typing.NamedTuple itself.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from _collections import _tuplegetter

    class _Meta(type):
        def __new__(mcls, name, bases, body):
            if not bases:
                return super().__new__(mcls, name, (tuple,), {**body, "__slots__": ()})
            fields = tuple(body.get("__annotations__", ()))
            defaults = {field: body[field] for field in fields if field in body}
            if tuple(defaults) != fields[len(fields) - len(defaults) :]:
                raise TypeError(f"{name}: a field without a default follows one with a default")
            for index, field in enumerate(fields):
                body[field] = _tuplegetter(index, None)
            body["__slots__"] = ()
            body["_fields"] = body["__match_args__"] = fields
            body["_field_defaults"] = defaults
            return super().__new__(mcls, name, bases, body)

    class NamedTuple(metaclass=_Meta):
        """A tuple whose items have names. See typing.NamedTuple."""

        _fields = ()
        _field_defaults = {}

        def __new__(cls, *given, **named):
            fields = cls._fields
            missing = len(fields) - len(given)
            if missing == 0 and not named:
                return tuple.__new__(cls, given)
            if missing < 0:
                raise TypeError(f"{cls.__name__}() takes {len(fields)} values, {len(given)} were given")
            values = list(given)
            defaults = cls._field_defaults
            for field in fields[len(given) :]:
                if field in named:
                    values.append(named.pop(field))
                elif field in defaults:
                    values.append(defaults[field])
                else:
                    raise TypeError(f"{cls.__name__}() misses {field!r}")
            if named:
                raise TypeError(f"{cls.__name__}() got unexpected or repeated {', '.join(map(repr, named))}")
            return tuple.__new__(cls, values)

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _replace(self, **changes):
            values = [changes.pop(field, value) for field, value in zip(self._fields, self, strict=True)]
            if changes:
                raise ValueError(f"Got unexpected field names: {list(changes)!r}")
            return tuple.__new__(type(self), values)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            inner = ", ".join(f"{field}={value!r}" for field, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({inner})"

        def __getnewargs__(self):
            return tuple(self)


__all__ = ["NamedTuple"]
