"""A job file: importing it under its own name, finding its Job, knowing which modules are its own.

The name is the file's stem, here and in every task process, and never `__main__`: so a class
is the same class wherever its instances travel.
"""

import importlib.util
import inspect
import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from mapred.errors import JobDefinitionError
from mapred.job import Job
from mapred.pipeline import Pipeline
from mapred.usercode import is_engine_module, user_traceback


def import_job_file(path: Path) -> ModuleType:
    """The module; its folder must be first on sys.path.

    Raises:
        Exception: whatever its code raises.
    """
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(path.stem, None)
        raise
    return module


@contextmanager
def loaded_job_file(path: Path) -> Iterator[ModuleType]:
    """The module, for as long as the block lasts; then sys.modules and sys.path are as before.

    Raises:
        JobDefinitionError: no such file, a name that hides another module, or its code fails.
    """
    if not path.is_file():
        raise JobDefinitionError(
            f"job file {path} {'is no file' if path.exists() else 'does not exist'}"
        )
    if path.suffix != ".py":
        raise JobDefinitionError(f"job file {path} is no Python file: its name must end in .py")
    if _hides_a_module(path.stem):
        raise JobDefinitionError(
            f"job file {path} has the name of the module '{path.stem}', which it would hide "
            "from everything else. Rename it"
        )
    before = dict(sys.modules)
    folder = str(path.parent)
    sys.path.insert(0, folder)
    linecache.checkcache()
    try:
        try:
            module = import_job_file(path)
        except (Exception, SystemExit) as error:
            raise JobDefinitionError(
                f"job file {path} can't be imported:\n{user_traceback(error, path.parent)}"
            ) from None
        yield module
    finally:
        if folder in sys.path:
            sys.path.remove(folder)
        for name in own_modules(path.parent):
            if name not in before:
                del sys.modules[name]


def _hides_a_module(name: str) -> bool:
    if name in sys.stdlib_module_names or name in sys.modules:
        return True
    # What isn't imported here may be in a task process: numpy, or what user code imports.
    found = importlib.util.find_spec(name) if name.isidentifier() else None
    return found is not None and found.origin is not None and _installed(Path(found.origin))


def own_modules(folder: Path) -> dict[str, Path]:
    """Imported modules whose files are below the folder, by name: they travel with the job.

    Installed packages and this engine are everywhere: they don't travel.
    """
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py"):
            continue
        path = Path(file)
        if path.is_relative_to(folder) and not is_engine_module(name) and not _installed(path):
            found[name] = path
    return found


def _installed(path: Path) -> bool:
    return "site-packages" in path.parts or "dist-packages" in path.parts


def find_job(module: ModuleType, name: str | None, path: Path) -> type[Job] | type[Pipeline]:
    """The Job or chain called `name`, or the only one that the file defines; a chain goes before
    the Jobs that it is made of.

    Raises:
        JobDefinitionError: none, several, or no Job of that name; lists those there are.
    """
    chains = _chains(module)
    if name in chains:
        return chains[name]
    if name is None and len(chains) > 1:
        choices = "\n".join(f"  {path}:{chain}" for chain in chains)
        raise JobDefinitionError(f"{path} defines {len(chains)} chains. Say which one:\n{choices}")
    if name is None and chains:
        return next(iter(chains.values()))
    own = {
        job_name: value
        for job_name, value in vars(module).items()
        if inspect.isclass(value)
        and issubclass(value, Job)
        and value.__module__ == module.__name__
        and not job_name.startswith("_")
    }
    if name is not None:
        if name in own:
            return own[name]
        known = [*own, *chains]
        there = f"Its Jobs are: {', '.join(known)}" if known else "It defines no Job at all"
        raise JobDefinitionError(f"{path} has no Job '{name}'. {there}")
    # A Job that others derive from is a base, and one that a loop begins with is part of that,
    # unless it's asked for by name.
    parts = [
        one for job in own.values() for one in (*job.__mro__[1:], getattr(job, "placement", None))
    ]
    leaves = [job for job in own.values() if not any(job is one for one in parts)]
    if len(leaves) == 1:
        return leaves[0]
    if not leaves:
        raise JobDefinitionError(
            f"{path} defines no Job. It needs a class such as\n\n"
            "  class WordCount(Job):\n      mapper, reducer = Words, Total\n\n"
            "with `from mapred import Job`"
        )
    choices = "\n".join(f"  {path}:{job.__name__}" for job in leaves)
    raise JobDefinitionError(f"{path} defines {len(leaves)} Jobs. Say which one:\n{choices}")


def _chains(module: ModuleType) -> dict[str, type[Pipeline]]:
    """Those that the file defines, each under the name that the file gives it."""
    found = {}
    for name, value in vars(module).items():
        if (
            inspect.isclass(value)
            and issubclass(value, Pipeline)
            and value.__module__ == module.__name__
            and not name.startswith("_")
        ):
            found[name] = type(name, (value,), {"__module__": module.__name__})
    return found
