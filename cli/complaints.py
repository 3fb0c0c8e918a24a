"""What `mapred fs` says of a path that it can't do: `mapred fs: 'PATH': what; next step`.

As in Hadoop a verb with several paths goes on after one has failed, and ends with code 1.
"""

import contextlib
import errno
import sys
import threading
from collections.abc import Iterator
from typing import Final

from blockstore import errors

from .errors import FAILED, CommandError, explain

_FROM: Final = "mapred fs: "

_NEXT_STEPS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (errors.FileNotFoundException, "see what there is:  mapred fs ls"),
    (errors.FileAlreadyExistsException, "remove it first, or take another name"),
    (errors.IsADirectoryException, "name a file"),
    (errors.PathIsNotEmptyDirectoryException, "rm -r removes a directory with all in it"),
    # It says who ends it, and how.
    (errors.ManualSafeModeException, ""),
    (errors.SafeModeException, "see why:  mapred admin safemode why"),
    (errors.BlockMissingException, "see which nodes had it:  mapred admin fsck PATH"),
    (errors.PlacementException, "see the nodes:  mapred admin report"),
    (errors.AlreadyBeingCreatedException, "see who writes it:  mapred fs lease list"),
)


_OF_ALL: Final = (
    BrokenPipeError,
    errors.UnreachableException,
    errors.SafeModeException,
    errors.PlacementException,
)
# This machine's disk takes nothing more.
_DISK_ERRORS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})


class Complaints:
    """Tells what failed as it fails, and knows the exit code. Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.count = 0

    @property
    def code(self) -> int:
        return FAILED if self.count else 0

    @contextlib.contextmanager
    def about(self, path: str) -> Iterator[None]:
        """What fails inside concerns this path alone, if the next could still go well."""
        try:
            yield
        except (OSError, CommandError) as error:
            if _concerns_all(error):
                raise
            self.add(path, error)

    def add(self, path: str, error: Exception) -> None:
        with self._guard:
            self.count += 1
            tell(path, error)


def _concerns_all(error: Exception) -> bool:
    return isinstance(error, _OF_ALL) or getattr(error, "errno", None) in _DISK_ERRORS


def tell(path: str, error: Exception) -> None:
    """One message on stderr; an empty path: the error names what it is about."""
    print(words(path, error), file=sys.stderr, flush=True)


def words(path: str, error: Exception) -> str:
    what, _ = explain(error)
    if path:
        for start in (f"'{path}'", path):
            what = what.removeprefix(start).lstrip(": ")
        what = f"'{path}': {what}"
    step = next((step for kind, step in _NEXT_STEPS if isinstance(error, kind)), "")
    if step and ";" not in what and "\n" not in what:
        what = f"{what}; {step}"
    return _FROM + what
