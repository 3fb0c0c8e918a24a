"""A cluster on this machine for one contest: one DataNode, one TaskTracker with two slots."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.cluster import mapred

UP_S: Final = 180
_COPY_S: Final = 900


class StoreCluster:
    """Up, with a file in its store, until `close`."""

    def __init__(self, source: Path) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="benchmark-cluster-"))
        self._source = f"/{source.name}"
        # Where commands look for the cluster of the last `up`: apart from the user's own.
        self.environment = {"XDG_STATE_HOME": str(self._home)}
        try:
            shape = ["--datanodes", "1", "--tasktrackers", "1", "--slots", "2"]
            self._run("cluster", "up", "--dir", str(self._home / "cluster"), *shape)
            self._run("fs", "put", "--replication", "1", str(source), self._source)
        except BaseException:
            self.close()
            raise

    def submit(self, job: str) -> list[str]:
        """Replication 1 follows from there being one DataNode."""
        out = "/outFOLDER"
        return [mapred(), "submit", "--quiet", job, self._source, "-o", out, "-r", "2"]

    def fetched(self, output: Path) -> Path:
        """What the run that would have had this output has written; local from now on."""
        stored = f"/out{output.parent}"
        if not output.exists():
            self._run("fs", "get", stored, str(output))
            self._run("fs", "rm", "-r", "-skipTrash", stored)
        return output

    def close(self) -> None:
        self._run("cluster", "down", "--dir", str(self._home / "cluster"))
        shutil.rmtree(self._home, ignore_errors=True)

    def _run(self, *words: str) -> None:
        environment = {**os.environ, **self.environment}
        subprocess.run(
            [mapred(), *words], check=True, capture_output=True, timeout=_COPY_S, env=environment
        )
