"""The peers' own environment: a venv in the cache, so that none of them is a dependency of ours.

A package that can't be had is a reason to skip its peer, not an error.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks import corpus

INSTALL_S: Final = 1800
_HERE: Final = Path(__file__).resolve().parent


def folder() -> Path:
    """$MAPRED_PEERS, else beside the corpora."""
    return Path(os.environ.get("MAPRED_PEERS", corpus.cache() / "peers"))


def python() -> Path:
    return folder() / "bin" / "python"


@cache
def lack_of(package: str) -> str:
    """Installs the package where it isn't yet; why that can't be, "" if it's there."""
    try:
        if not python().exists():
            _done([sys.executable, "-m", "venv", str(folder())])
        if subprocess.run([python(), "-c", f"import {package}"], capture_output=True).returncode:
            print(f"installing {package} into {folder()}", file=sys.stderr, flush=True)
            _done([python(), "-m", "pip", "install", "-q", package])
            _done([python(), "-c", f"import {package}"])
    except subprocess.TimeoutExpired:
        return f"{package} wasn't installed within {INSTALL_S} s"
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip().splitlines() or [str(error)]
        return f"{package} can't be installed: {words[-1]}"
    return ""


def lack_of_command(name: str) -> str:
    return "" if shutil.which(name) else f"there is no `{name}` on this machine"


@cache
def hadoop_classpath() -> tuple[str, str]:
    """(classpath with our two Java programs compiled, why there is none)."""
    for lack in (lack_of_command("javac"), lack_of("pyspark")):
        if lack:
            return "", lack
    find = "import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent / 'jars')"
    jars = subprocess.run([python(), "-c", find], capture_output=True, text=True, check=True)
    classes = folder() / "hadoop-classes"
    path = f"{classes}{os.pathsep}{jars.stdout.strip()}/*"
    try:
        sources = sorted(map(str, (_HERE / "hadoop").glob("*.java")))
        _done(["javac", "-nowarn", "-cp", path, "-d", str(classes), *sources])
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        return "", f"the Java programs can't be compiled: {error}"
    return path, ""


def _done(command: list[str | Path]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_S)
