"""Files that others find by their names, whenever they look: whole, or not there.

    unfinished-<hex>    beside it, as long as it's being written

Not every file system hides a file until it is whole: one of the block store is seen from its first
byte on, and stays as it is when its writer is killed.
"""

import uuid
from typing import Final

from mapred.storage.port import Storage
from mapred.storage.uris import join, parent_of

# What killed writers have left begins so: who owns the directory may remove it.
UNFINISHED: Final = "unfinished-"


def put(uri: str, data: bytes, storage: Storage) -> None:
    """Replaces what is there; durable when it returns.

    Raises:
        OSError, StoreError: it can't be written; then all is as it was.
    """
    unfinished = join(parent_of(uri), f"{UNFINISHED}{uuid.uuid4().hex}")
    file = storage.open_write(unfinished)
    try:
        file.write(data)
        file.commit()
        storage.rename(unfinished, uri)
    except BaseException:
        file.discard()
        storage.delete(unfinished)
        raise
