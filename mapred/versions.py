"""What a client and a TaskTracker must have alike, for code that travels between them."""

import sys
from importlib.metadata import PackageNotFoundError, version


def python_version() -> str:
    """Such as "3.11": what one minor version can import, another perhaps can't."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def engine_version() -> str:
    """Of the installed engine; empty in a tree that isn't installed, and then not compared."""
    try:
        return version("mapred")
    except PackageNotFoundError:
        return ""
