"""Generates the wire code: `python protos/generate.py [TARGET]` (default: the repository).

The generator is pinned and lives in an environment of its own, because newer
generators emit code that refuses older runtimes, and because it pins a
protobuf that the engine itself doesn't need. The result is committed;
tests/tidy checks that it is fresh.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

GENERATORS = ("grpcio-tools==1.76.0", "mypy-protobuf==5.1.0")
PROTOS = Path(__file__).resolve().parent
PACKAGES = ("blockstore", "mapred")


def generator_python() -> Path:
    """The interpreter of the generator's environment, made on first use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    home = cache / "mapred-protoc" / "-".join(GENERATORS).replace("=", "")
    python = home / "bin" / "python"
    if not (home / "ready").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *GENERATORS], check=True)
        (home / "ready").touch()
    return python


def generate(target: Path) -> None:
    """Writes `<package>/wire/*` below `target`.

    Raises:
        subprocess.CalledProcessError: protoc refused a source; its words are on stderr.
    """
    python = generator_python()
    includes = [f"-I{package}/wire={PROTOS / package}" for package in PACKAGES]
    sources = [
        f"{package}/wire/{source.name}"
        for package in PACKAGES
        for source in sorted((PROTOS / package).glob("*.proto"))
    ]
    outputs = [f"--{kind}_out={target}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    path = f"{python.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [python, "-m", "grpc_tools.protoc", *includes, *outputs, *sources]
    with tempfile.TemporaryFile("w+") as chatter:
        done = subprocess.run(command, env={**os.environ, "PATH": path}, stderr=chatter)
        if done.returncode:
            chatter.seek(0)
            sys.stderr.write(chatter.read())
            done.check_returncode()


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PROTOS.parent)
