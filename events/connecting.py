"""Why a server cannot be reached, in words that need no knowledge of the library that tried. Pure."""

from __future__ import annotations

import os
import socket
import ssl

__all__ = ["why"]


def why(error: Exception) -> str:
    """What stands behind an error of the HTTP client or of the system: ``Connection refused`` rather than the call that failed."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    match cause:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {cause.verify_message}"
        case ssl.SSLError(reason=str(reason)):
            return f"it does not speak TLS as we do: {reason.lower().replace('_', ' ')}"
        case socket.gaierror():
            return cause.strerror or "the name is not known"
        case OSError(errno=int(number)):
            return os.strerror(number)
        case _:
            return str(cause) or type(cause).__name__
