"""Methods of an object, awaited: a facade declares which, and their parameters and results keep their types.

class AsyncImages(Facade[Images]):
    tag = awaited(Images.tag)  # def tag(self, source: str, target: str) -> None becomes async
"""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from sampan.aio.threads import in_thread, stream

S = TypeVar("S")
P = ParamSpec("P")
R = TypeVar("R")
W = TypeVar("W")


class Facade(Generic[S]):
    """Stands before an object of the synchronous face, `sync`."""

    __slots__ = ("sync",)

    def __init__(self, sync: S) -> None:
        self.sync = sync


class Awaited(Generic[P, R]):
    """A method of a facade that awaits the method of the same name of the object behind it."""

    def __init__(self, method: Callable[..., Any], wrap: Callable[[Any], R] | None) -> None:
        self._method = method
        self._wrap = wrap
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> "Awaited[P, R]": ...
    @overload
    def __get__(self, instance: Facade[Any], owner: type) -> Callable[P, Coroutine[Any, Any, R]]: ...

    def __get__(
        self, instance: Facade[Any] | None, owner: type
    ) -> "Awaited[P, R] | Callable[P, Coroutine[Any, Any, R]]":
        if instance is None:
            return self
        method, wrap, sync = self._method, self._wrap, instance.sync

        async def call(*args: P.args, **kwargs: P.kwargs) -> R:
            result = await in_thread(lambda: method(sync, *args, **kwargs))
            return result if wrap is None else wrap(result)

        call.__doc__, call.__name__ = method.__doc__, method.__name__
        return call


class Streamed(Generic[P, R]):
    """A method of a facade that iterates, in a thread, what the method of the same name gives."""

    def __init__(self, method: Callable[..., Iterator[R]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> "Streamed[P, R]": ...
    @overload
    def __get__(self, instance: Facade[Any], owner: type) -> Callable[P, AsyncIterator[R]]: ...

    def __get__(self, instance: Facade[Any] | None, owner: type) -> "Streamed[P, R] | Callable[P, AsyncIterator[R]]":
        if instance is None:
            return self
        method, sync = self._method, instance.sync

        def call(*args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R]:
            return stream(lambda: method(sync, *args, **kwargs))

        call.__doc__, call.__name__ = method.__doc__, method.__name__
        return call


def awaited(method: Callable[Concatenate[S, P], R]) -> Awaited[P, R]:
    """`method`, awaited."""
    return Awaited(method, None)


def awaited_as(method: Callable[Concatenate[S, P], R], wrap: Callable[[R], W]) -> Awaited[P, W]:
    """`method`, awaited, and `wrap` applied to what it returned."""
    return Awaited(method, wrap)


def streamed(method: Callable[Concatenate[S, P], Iterator[R]]) -> Streamed[P, R]:
    """What `method` iterates, for `async for`."""
    return Streamed(method)
