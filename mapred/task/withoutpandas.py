"""pyarrow learns of pandas when user code imports it, and not before.

To know their types, its first `pa.array` imports pandas where that is installed: a fifth of a
second in every task process, for jobs that never see one. So whoever imports pandas from below the
engine's own calls is told that there is none. Once somebody else has imported it, pyarrow is made
to look again.
"""

import contextlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any, Final

import pyarrow as pa

_PANDAS: Final = "pandas"
# These see no pandas but what user code has given them. Formats may: nanoseconds of Parquet
# become its timestamps.
_ENGINE: Final = ("mapred.shuffle.", "mapred.task.", "mapred.text.")
_BETWEEN: Final = ("importlib.", "pyarrow.")


def hide_pandas() -> None:
    """For a process of its own; does nothing where pandas is there already."""
    if _PANDAS in sys.modules:
        return
    sys.meta_path.insert(0, _Watch())
    # Its first look is under a lock, which looking again would wait for: here and now, and in vain.
    with contextlib.suppress(AttributeError):
        pa.lib._pandas_api.have_pandas  # noqa: B018  (looking is what counts)


class _Watch(MetaPathFinder):
    """Refuses pandas to the engine, and steps aside for everybody else."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != _PANDAS:
            return None
        if _importer(sys._getframe(1)).startswith(_ENGINE):
            raise ModuleNotFoundError("not needed", name=name)
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec and spec.loader:
            _follow(spec.loader)
        return spec


def _importer(frame: FrameType | None) -> str:
    """The module whose code imports; pyarrow's own does it for somebody."""
    while frame:
        name = str(frame.f_globals.get("__name__", ""))
        if not f"{name}.".startswith(_BETWEEN):
            return name
        frame = frame.f_back
    return ""


def _follow(loader: Any) -> None:
    execute = loader.exec_module

    def executed(module: ModuleType) -> None:
        execute(module)
        # What remembers that there was none; raises where pandas is too old for pyarrow.
        with contextlib.suppress(AttributeError, ImportError):
            pa.lib._pandas_api.loose_version  # noqa: B018  (looking is what counts)

    loader.exec_module = executed
