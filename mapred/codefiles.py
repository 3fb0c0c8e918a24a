"""Which files travel with a job: its own modules and what it declares, nothing installed."""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from mapred.archive import extracted
from mapred.errors import JobDefinitionError
from mapred.job import Job
from mapred.jobfile import own_modules
from mapred.usercode import is_engine_module


def code_files(job: type[Job], path: Path, scratch: Path) -> dict[str, Path]:
    """The job file, modules of its folder that it imports, and declared files, by name; archives
    are unpacked into `scratch`.

    Raises:
        JobDefinitionError: a declared file is missing or outside of the folder, or two have one
            name.
        InputError: an archive that isn't one.
    """
    folder = path.parent
    files = {path.name: path}
    waiting = [*own_modules(folder).values(), path]
    seen: set[Path] = set()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        _refuse_hidden(job, file, folder)
        files[str(file.relative_to(folder))] = file
        waiting += _imported_later(file, folder)
    for package_file in _package_files(files, folder):
        files[str(package_file.relative_to(folder))] = package_file
    for declared in job.files:
        files |= _declared(job, declared, folder)
    for declared in job.archives:
        files |= _unpacked(job, declared, folder, files, scratch)
    return files


def _refuse_hidden(job: type[Job], file: Path, folder: Path) -> None:
    """A module beside the job file that is called like one of Python's own: in the task processes
    one of the two would be imported for the other."""
    top = file.relative_to(folder).parts[0].removesuffix(".py")
    if top in sys.stdlib_module_names:
        raise JobDefinitionError(
            f"{job.__name__} imports '{top}', and beside the job file there is {folder / top}"
            f"{'' if (folder / top).is_dir() else '.py'}, which has the name of a module of "
            "Python's own. Rename it"
        )


def _imported_later(file: Path, folder: Path) -> Iterator[Path]:
    """Modules of the folder that the file imports somewhere, such as inside a function."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            base = folder
        elif isinstance(node, ast.ImportFrom):
            base = folder if not node.level else file.parents[node.level - 1]
            prefix = f"{node.module}." if node.module else ""
            names = [node.module or "", *(prefix + alias.name for alias in node.names)]
        else:
            continue
        for name in names:
            if not name or is_engine_module(name):
                continue
            target = base.joinpath(*name.split("."))
            for candidate in (target.with_suffix(".py"), target / "__init__.py"):
                if candidate.is_file() and candidate.is_relative_to(folder):
                    yield candidate


def _package_files(files: Mapping[str, Path], folder: Path) -> Iterator[Path]:
    """The __init__.py above every module that is in a package."""
    for file in list(files.values()):
        for parent in file.parents:
            if parent == folder or not parent.is_relative_to(folder):
                break
            if (parent / "__init__.py").is_file():
                yield parent / "__init__.py"


def _unpacked(
    job: type[Job], declared: str, folder: Path, others: Mapping[str, Path], scratch: Path
) -> dict[str, Path]:
    word, _, alias = declared.partition("#")
    name = alias or word
    (archive,) = _declared(job, word, folder, what="archives", a_file=True).values()
    taken = any(other == name or other.startswith(f"{name}/") for other in others)
    if taken or not name.replace("/", "") or ".." in PurePosixPath(name).parts:
        raise JobDefinitionError(
            f"{job.__name__}.archives: '{declared}' would be unpacked into '{name}', which is no "
            f"name, or taken. Give it another:  {word}#NAME"
        )
    target = scratch / name
    extracted(archive, target)
    inside = [file for file in sorted(target.rglob("*")) if file.is_file()]
    return {f"{name}/{file.relative_to(target)}": file for file in inside}


def _declared(
    job: type[Job], declared: str, folder: Path, *, what: str = "files", a_file: bool = False
) -> dict[str, Path]:
    path = (folder / declared).resolve()
    if not path.is_relative_to(folder):
        raise JobDefinitionError(
            f"{job.__name__}.{what}: '{declared}' is outside of the job file's folder {folder}"
        )
    if path.is_dir() and not a_file:
        inside = [path, *sorted(path.rglob("*"))]
        return {str(one.relative_to(folder)): one for one in inside if one.is_file() or _empty(one)}
    if not path.is_file():
        raise JobDefinitionError(f"{job.__name__}.{what}: there is no {path}")
    return {str(path.relative_to(folder)): path}


def _empty(path: Path) -> bool:
    """A folder that no file would bring along."""
    return path.is_dir() and not any(path.iterdir())
