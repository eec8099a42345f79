"""sampan.values.NamedTuple behaves as typing.NamedTuple does."""

import pickle
import typing

import pytest

from sampan import values


class Fast(values.NamedTuple):
    """A point."""

    x: int
    y: int = 2
    z: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return self.x + self.y


class Standard(typing.NamedTuple):
    x: int
    y: int = 2
    z: tuple[str, ...] = ()


def test_it_is_built_as_the_standard_one_is() -> None:
    for made in (
        lambda c: c(1),
        lambda c: c(1, 5),
        lambda c: c(x=1, z=("a",)),
        lambda c: c(1, z=("b",)),
        lambda c: c(*(1, 2, ())),
    ):
        assert tuple(made(Fast)) == tuple(made(Standard))
    assert Fast._fields == Standard._fields
    assert Fast._field_defaults == Standard._field_defaults
    assert Fast(1)._asdict() == Standard(1)._asdict()
    assert repr(Fast(1)) == repr(Standard(1)).replace("Standard", "Fast")


def test_it_is_a_tuple_that_does_not_change() -> None:
    value = Fast(1, 2)
    x, y, _ = value
    assert (x, y, value[0], value.total) == (1, 2, 1, 3)
    assert value == (1, 2, ()) and hash(value) == hash((1, 2, ()))
    assert value._replace(y=9) == Fast(1, 9)
    assert type(value._replace(y=9)) is Fast
    assert pickle.loads(pickle.dumps(value)) == value
    with pytest.raises(AttributeError):
        value.x = 3  # type: ignore[misc]
    with pytest.raises(AttributeError):
        value.other = 3  # type: ignore[attr-defined]
    match value:
        case Fast(x, y):
            assert (x, y) == (1, 2)


@pytest.mark.parametrize("arguments", [{}, {"x": 1, "q": 2}])
def test_missing_and_unknown_names_are_errors(arguments: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        Fast(**arguments)
    with pytest.raises(TypeError):
        Fast(1, 2, (), 4)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Fast(1, x=2)  # type: ignore[misc]
    with pytest.raises(ValueError, match="q"):
        Fast(1)._replace(q=2)  # type: ignore[call-arg]
