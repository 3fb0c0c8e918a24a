"""Paths: absolute, '/'-separated, normalised; the one place that checks and splits them.

Rules
- A path starts with '/', has no empty name, no '.', no '..', no NUL and no '/' at its end.
- A name is at most 255 bytes of UTF-8, a path at most 4096.
"""

from functools import lru_cache
from typing import Final

from blockstore.errors import InvalidPathException

# What Linux file systems take, so that every tree can be copied to a disk.
NAME_BYTES_MAX: Final = 255
PATH_BYTES_MAX: Final = 4096
# Of the root: where deleted files lie for a while (trash.py).
TRASH: Final = ".Trash"


# One request splits its path several times.
@lru_cache(maxsize=1024)
def split(path: str) -> tuple[str, ...]:
    """The names of a path; () for the root.

    Raises:
        InvalidPathException: says which rule the path breaks.
    """
    if not path.startswith("/"):
        raise InvalidPathException(f"'{path}' is not absolute: a path starts with '/'")
    if path == "/":
        return ()
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        raise InvalidPathException(f"{path!r} is not valid Unicode") from None
    if size > PATH_BYTES_MAX:
        raise InvalidPathException(
            f"'{path[:60]}…' has {size} bytes, the limit is {PATH_BYTES_MAX}"
        )
    names = tuple(path[1:].split("/"))
    for name in names:
        _check_name(path, name)
    return names


def _check_name(path: str, name: str) -> None:
    if name in ("", ".", ".."):
        what = f"the name '{name}'" if name else "an empty name"
        raise InvalidPathException(f"'{path}' has {what} in it: give a normalised path")
    if "\0" in name:
        raise InvalidPathException(f"{path!r} has a NUL character in it")
    # No character has more than four bytes.
    if 4 * len(name) > NAME_BYTES_MAX and len(name.encode()) > NAME_BYTES_MAX:
        raise InvalidPathException(
            f"the name '{name[:60]}…' has more than {NAME_BYTES_MAX} bytes of UTF-8"
        )


def join(names: tuple[str, ...]) -> str:
    return "/" + "/".join(names)
