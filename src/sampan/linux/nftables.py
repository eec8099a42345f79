"""Rules in nft's own language, through libnftables in this process."""

import ctypes

from sampan.errors import SampanError, Unsupported

_LIBRARY = "libnftables.so.1"


def run(script: str) -> str:
    """Carry out a script as one transaction and return what it printed.

    Raises Unsupported when the library is missing, SampanError with nft's own message when the script is refused.
    """
    library = _load()
    context = ctypes.c_void_p(library.nft_ctx_new(0))
    if not context:
        raise SampanError("libnftables could not be set up")
    try:
        library.nft_ctx_buffer_output(context)
        library.nft_ctx_buffer_error(context)
        failed = library.nft_run_cmd_from_buffer(context, script.encode())
        printed = bytes(library.nft_ctx_get_output_buffer(context) or b"").decode(errors="replace")
        complaint = bytes(library.nft_ctx_get_error_buffer(context) or b"").decode(errors="replace")
    finally:
        library.nft_ctx_free(context)
    if failed:
        raise SampanError(
            "the firewall refused the rules of the network: " + complaint.strip(),
            hint="check that the kernel has nf_tables with NAT (nft list ruleset)",
        )
    return printed


def _load() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise Unsupported(
            f"cannot load {_LIBRARY}, which published ports and masquerading need: {error}",
            hint="install libnftables1 (Debian, Ubuntu) or nftables-libs, or use --network none or host",
        ) from error
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_get_output_buffer.restype = ctypes.c_char_p
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    return library
