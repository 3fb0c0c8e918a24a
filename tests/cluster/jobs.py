"""Jobs of tests on a real cluster: submitted without a command, waited for, read back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from mapred.client import ClusterEngine
from mapred.submit import plan

DEADLINE_S = 90


class Jobs:
    """Somebody's jobs on one cluster, over its own job files in `home`."""

    def __init__(self, cluster, home):
        self.cluster, self.home = cluster, home
        self.store = cluster.client()
        self.engine = ClusterEngine(cluster.jobtracker_address)

    def put(self, path, *texts):
        """A directory with a file for each text: a map each."""
        for number, text in enumerate(texts):
            with self.store.open(f"{path}/{number}", "wb") as file:
                file.write(text.encode())

    def submit(self, job, source, *, output, reducers=None, inputs="/in", **params):
        """`source`: written into the job file first; None: it is there."""
        path = self.home / job
        if source is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        spec = plan(
            str(path),
            [inputs],
            output=output,
            params={name.replace("job_", "job.", 1): str(value) for name, value in params.items()},
            reducers=reducers,
            default_filesystem=f"bs://{self.cluster.address}",
        )
        return self.engine.submit(spec)

    def statuses(self, job_id):
        """Every visible change until the end."""
        version, until = 0, time.monotonic() + DEADLINE_S
        while True:
            status, version = self.engine.status(job_id, known_version=version, wait_s=1.0)
            yield status
            if status.state.ended:
                return
            assert time.monotonic() < until, f"{job_id} hangs: {status}"

    def ended(self, job_id):
        *_, last = self.statuses(job_id)
        return last

    def output(self, path):
        """The lines of all parts, sorted."""
        lines = []
        for entry in self.store.list(path):
            if entry.name.startswith("part-"):
                with self.store.open(entry.path) as file:
                    lines += file.read().decode().splitlines()
        return sorted(lines)


@contextmanager
def jobs_on(cluster, home) -> Iterator[Jobs]:
    jobs = Jobs(cluster, home)
    try:
        yield jobs
    finally:
        jobs.engine.close()
