"""The cluster secret on the wire: every call proves it, none carries it.

A call's metadata has `<time>.<nonce>.<HMAC-SHA256 of method, time and nonce>`
under `mapred-auth`. It proves the secret for one method around one time; it
doesn't hide or seal the bytes of the call: on a network that others can write
to, TLS is what's needed.

Where there is no gRPC (callframes.py, byteframes.py), one side says a nonce and the other proves
the secret for it.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from typing import Any, Final

import grpc

from blockstore.errors import AccessControlException

# How far the clocks of two machines may be apart before their calls are refused.
CLOCK_SKEW_MAX_S: Final = 300.0
AUTH_KEY: Final = "mapred-auth"

_WRONG: Final = "the cluster secret is wrong or missing: set MAPRED_SECRET or MAPRED_SECRET_FILE"


def sign(secret: str, method: str, now_s: float) -> str:
    """The word that proves the secret for one method around one wall-clock time."""
    stamp = f"{now_s:.0f}.{secrets.token_hex(8)}"
    return f"{stamp}.{_digest(secret, method, stamp)}"


def check(secret: str, method: str, word: str, now_s: float) -> None:
    """Accepts a word that `sign` made with the same secret.

    Raises:
        AccessControlException: it proves nothing, or is from another time.
    """
    stamp, _, digest = word.rpartition(".")
    if not stamp or not hmac.compare_digest(digest, _digest(secret, method, stamp)):
        raise AccessControlException(_WRONG)
    if abs(now_s - float(stamp.partition(".")[0])) > CLOCK_SKEW_MAX_S:
        raise AccessControlException(
            f"the clocks of this client and the server are more than {CLOCK_SKEW_MAX_S:.0f} s apart"
        )


def _digest(secret: str, method: str, stamp: str) -> str:
    return hmac.new(secret.encode(), f"{method}\n{stamp}".encode(), hashlib.sha256).hexdigest()


def prove(secret: str | None, purpose: str, nonce: bytes) -> bytes:
    """What only who knows the secret can say to a nonce; zeros without one."""
    if secret is None:
        return bytes(hashlib.sha256().digest_size)
    return hmac.digest(secret.encode(), purpose.encode() + b"\n" + nonce, "sha256")


def check_proof(secret: str | None, purpose: str, nonce: bytes, proof: bytes) -> None:
    """Accepts what `prove` made with the same secret, and anything without one.

    Raises:
        AccessControlException: it proves nothing.
    """
    if secret is not None and not hmac.compare_digest(proof, prove(secret, purpose, nonce)):
        raise AccessControlException(_WRONG)


def refusal(secret: str | None, details: grpc.HandlerCallDetails) -> AccessControlException | None:
    """Why this call may not come in; None when it may."""
    if secret is None:
        return None
    word = dict(details.invocation_metadata or ()).get(AUTH_KEY, "")
    try:
        check(secret, details.method, str(word), time.time())
    except AccessControlException as error:
        return error
    return None


class SigningInterceptor(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Signs every call of a channel."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def _signed(self, continuation: Any, details: Any, request: Any) -> Any:
        word = sign(self._secret, details.method, time.time())
        metadata = [*(details.metadata or ()), (AUTH_KEY, word)]
        return continuation(_WithMetadata(details, metadata), request)

    intercept_unary_unary = _signed  # type: ignore[assignment]
    intercept_unary_stream = _signed  # type: ignore[assignment]
    intercept_stream_unary = _signed  # type: ignore[assignment]
    intercept_stream_stream = _signed  # type: ignore[assignment]


class _WithMetadata(grpc.ClientCallDetails):
    """The details of a call, with other metadata."""

    def __init__(self, details: Any, metadata: Sequence[tuple[str, str]]) -> None:
        self.method = details.method
        self.timeout = details.timeout
        self.metadata = metadata  # type: ignore[assignment]
        self.credentials = details.credentials
        self.wait_for_ready = details.wait_for_ready
        self.compression = details.compression
