"""Answers: documents, refusals, and blobs sent from a file without passing through this process."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from sampan.registry.server.problems import Problem

VERSION_HEADER = ("Docker-Distribution-Api-Version", "registry/2.0")
_SLICE = 8 << 20
_SLICE_SECONDS = 300


def document(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    data = json.dumps(value, separators=(",", ":")).encode() + b"\n"
    return web.Response(body=data, status=status, headers={"Content-Type": "application/json", **(headers or {})})


def refusal(refused: Problem) -> web.Response:
    """The specification's document for an error."""
    error = {"code": refused.code, "message": refused.message, "detail": refused.detail}
    return document({"errors": [error]}, status=refused.status, headers=refused.headers)


def is_current(request: web.BaseRequest, tag: str) -> bool:
    """Whether the client has this content already (If-None-Match)."""
    given = request.headers.get("If-None-Match", "")
    return given.strip() == "*" or tag in {item.strip().removeprefix("W/").strip('"') for item in given.split(",")}


async def send_file(
    request: web.BaseRequest, headers: Mapping[str, str], path: str, part: tuple[int, int], status: int
) -> web.StreamResponse:
    """Bytes of a file, with sendfile(2). A client that takes nothing for minutes is left. Raises FileNotFoundError."""
    first, length = part
    with open(path, "rb", buffering=0) as file:
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = length
        await response.prepare(request)
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        loop = asyncio.get_running_loop()
        end = first + length
        while first < end:
            count = min(_SLICE, end - first)
            async with asyncio.timeout(_SLICE_SECONDS):
                sent = await loop.sendfile(transport, file, first, count)
            if sent != count:
                raise ConnectionResetError("the file is shorter than it was")
            first += count
        await response.write_eof()
        return response


async def send_chunks(
    request: web.BaseRequest,
    headers: Mapping[str, str],
    following: Callable[[], Any],
    length: int,
    status: int,
) -> web.StreamResponse:
    """Bytes that come in pieces: `following()` gives the next one, or None."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = length
    await response.prepare(request)
    while True:
        piece = await following()
        if piece is None:
            break
        async with asyncio.timeout(_SLICE_SECONDS):
            await response.write(piece)
    await response.write_eof()
    return response
