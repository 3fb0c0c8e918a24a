"""Small files that travel in their own name, a data: URI (RFC 2397): no file system has them.

The output of a round is a few numbers that its driver reads at once. As a file of a block store
it would take ten round trips: to make, write, rename, find, read and remove it.
"""

import base64
import binascii
from typing import Final

# The JobTracker writes names of files into its journal and keeps those of jobs that have ended.
BYTES_MAX: Final = 8 * 1024
_PREFIX: Final = "data:application/octet-stream;base64,"


def inline_uri(data: bytes) -> str:
    return _PREFIX + base64.b64encode(data).decode()


def is_inline(uri: str) -> bool:
    return uri.startswith(_PREFIX)


def inline_data(uri: str) -> bytes:
    """What an inline file holds.

    Raises:
        OSError: its name is damaged.
    """
    try:
        return base64.b64decode(uri.removeprefix(_PREFIX), validate=True)
    except binascii.Error as error:
        raise OSError(f"the file in the name {shown(uri)} is damaged: {error}") from None


def shown(uri: str) -> str:
    """For people."""
    return f"{uri[: len(_PREFIX)]}… ({len(uri)} characters)" if is_inline(uri) else uri
