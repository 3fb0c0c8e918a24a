"""What a client and a TaskTracker must have alike, for code that travels between them."""

import os
import sys
from typing import Final

_PREFIX: Final = "mapred-"
_SUFFIX: Final = ".dist-info"


def python_version() -> str:
    """Such as "3.11": what one minor version can import, another perhaps can't."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def engine_version() -> str:
    """Of the installed engine; empty in a tree that isn't installed, and then not compared.

    By the name of its directory, as installers write it: `importlib.metadata`, which reads the
    same out of a file in there, takes as long to import as the job's client has to spare.
    """
    for place in sys.path:
        try:
            names = os.listdir(place or ".")
        except OSError:
            continue
        for name in names:
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX):
                return name[len(_PREFIX) : -len(_SUFFIX)]
    return ""
