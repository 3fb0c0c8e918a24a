"""In whose name a call is: told in its metadata, and known to the server while it is served.

It is a claim. Who may speak at all is what the cluster secret decides (secret.py).
"""

import os
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Final

USER_VARIABLE: Final = "MAPRED_USER"
# `-bin`: names needn't be ASCII.
USER_KEY: Final = "mapred-user-bin"

# The user of the gRPC call that this task serves: "" when it said none, None outside of calls.
user_in_progress: ContextVar[str | None] = ContextVar("user_in_progress", default=None)


def this_user(environment: Mapping[str, str] = os.environ) -> str:
    """In whose name this process asks: MAPRED_USER, else who runs it."""
    if user := environment.get(USER_VARIABLE):
        return user
    from blockstore.runtime.config import os_user

    return os_user()


def words_of(user: str) -> tuple[tuple[str, bytes], ...]:
    """The metadata that tells a user."""
    return ((USER_KEY, user.encode()),)


def user_of(metadata: Any) -> str:
    """The user that a call's metadata tells; "" for none."""
    for key, word in metadata or ():
        if key == USER_KEY and isinstance(word, bytes):
            return word.decode(errors="replace")
    return ""
