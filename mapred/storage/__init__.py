"""Where inputs are read and outputs written; `storage_for(uri)` finds the file system of a URI."""

import threading
from typing import Final

from mapred.storage.port import Storage
from mapred.storage.uris import BLOCK_STORE, LOCAL, authority_of, scheme_of

_lock = threading.Lock()
# Guarded by the lock. One file system per scheme and authority (the host of ftp://host/a); of
# block stores also per user.
_open: Final[dict[tuple[str, str, str], Storage]] = {}
# Guarded by the lock. NameNodes that this process dials by another address than the cluster.
_dialled: Final[dict[str, str]] = {}


def dial(namenode: str, address: str) -> None:
    """From now on `bs://namenode/…` is reached at `address`, in this process.

    URIs of a job carry the NameNode's address as the cluster's own machines dial it; a client
    beyond a container network or a tunnel knows another.
    """
    with _lock:
        _dialled[namenode] = address
        for key in [key for key in _open if key[:2] == (BLOCK_STORE, namenode)]:
            del _open[key]


def storage_for(uri: str, user: str = "") -> Storage:
    """The file system that `uri` lives on; made on first use, then kept.

    In a block store it acts for `user`; "": for the user of this process.

    Raises:
        ValueError: the URI has no scheme, or one that nobody here knows.
    """
    scheme = scheme_of(uri)
    if not scheme:
        raise ValueError(
            f"'{uri}' is a path, not a URI such as file:///data or bs://host:8020/data"
        )
    authority = "" if scheme == LOCAL else authority_of(uri)
    key = scheme, authority, user if scheme == BLOCK_STORE else ""
    with _lock:
        if key in _open:
            return _open[key]
        if scheme in (LOCAL, BLOCK_STORE):
            _open[key] = _made(*key)
            return _open[key]
    # Others may have to reach a server first, which nobody else should wait for.
    made = _made(*key)
    with _lock:
        return _open.setdefault(key, made)


def _made(scheme: str, authority: str, user: str) -> Storage:
    # Each is imported by whoever needs it: gRPC and fsspec cost a tenth of a second.
    if scheme == LOCAL:
        from mapred.storage.local import LocalStorage

        return LocalStorage()
    if scheme == BLOCK_STORE:
        from mapred.storage.store import BlockStorage

        return BlockStorage(authority, address=_dialled.get(authority, authority), user=user)
    from mapred.storage.anyfs import AnyStorage

    return AnyStorage(f"{scheme}://{authority}")
