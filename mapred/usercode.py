"""Where user code ends and the engine begins: tracebacks that show the user his own frames."""

import traceback
from pathlib import Path
from typing import Final

_ENGINE: Final = Path(__file__).parent
_EXAMPLES: Final = _ENGINE / "examples"
_PACKAGES: Final = frozenset({"mapred", "blockstore", "mapred_cli"})


def is_engine_module(name: str) -> bool:
    return name.partition(".")[0] in _PACKAGES


def user_traceback(error: BaseException, folder: Path) -> str:
    """The traceback from the first frame outside the engine, paths relative to the job's folder."""
    full = traceback.TracebackException.from_exception(error)
    seen: set[int] = set()
    waiting: list[traceback.TracebackException | None] = [full]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.stack = _trimmed(one.stack)
        waiting += [one.__cause__, one.__context__]
    return "".join(full.format()).replace(f"{folder}/", "").rstrip()


def _trimmed(stack: traceback.StackSummary) -> traceback.StackSummary:
    kept = [frame for frame in stack if not _is_engine_frame(frame.filename)]
    return traceback.StackSummary.from_list(kept)


def _is_engine_frame(filename: str) -> bool:
    if filename.startswith("<frozen importlib"):
        return True
    path = Path(filename)
    return path.is_relative_to(_ENGINE) and not path.is_relative_to(_EXAMPLES)


def one_line(error: BaseException) -> str:
    """Type and message of an exception, as the last line of a traceback has them."""
    text = " ".join("".join(traceback.format_exception_only(error)).split("\n")).strip()
    return text.removeprefix("mapred.errors.").removeprefix("blockstore.errors.")
