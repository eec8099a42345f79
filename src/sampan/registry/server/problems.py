"""What the registry refuses, in the specification's codes (distribution-spec, "Error Codes").

Docker's registry has one more that clients know: PAGINATION_NUMBER_INVALID.
"""

STATUS = {
    "BLOB_UNKNOWN": 404,
    "BLOB_UPLOAD_INVALID": 400,
    "BLOB_UPLOAD_UNKNOWN": 404,
    "DIGEST_INVALID": 400,
    "MANIFEST_BLOB_UNKNOWN": 404,
    "MANIFEST_INVALID": 400,
    "MANIFEST_UNKNOWN": 404,
    "NAME_INVALID": 400,
    "NAME_UNKNOWN": 404,
    "SIZE_INVALID": 400,
    "UNAUTHORIZED": 401,
    "DENIED": 403,
    "UNSUPPORTED": 405,
    "TOOMANYREQUESTS": 429,
    "PAGINATION_NUMBER_INVALID": 400,
    "UNKNOWN": 500,
}


class Problem(Exception):
    """One refusal. `headers` go with the answer; `detail` says more, and is shown to the client."""

    def __init__(
        self, code: str, message: str, *, status: int, detail: object = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.detail = code, message, status, detail
        self.headers = headers or {}


def problem(
    code: str,
    message: str,
    *,
    status: int = 0,
    detail: object = None,
    hint: str = "",
    headers: dict[str, str] | None = None,
) -> Problem:
    """A Problem with the status that the code mostly has."""
    return Problem(
        code,
        message,
        status=status or STATUS[code],
        detail=detail or ({"hint": hint} if hint else None),
        headers=headers,
    )
