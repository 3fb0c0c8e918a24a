"""A job's code, what it depends on, and who is told of its end, on a real cluster."""

import tarfile
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mapred.model import FailureKind, JobState
from tests.cluster.daemons import MapReduceCluster, eventually
from tests.cluster.jobs import jobs_on

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def jobs(tmp_path_factory):
    """On two trackers, with two maps of input."""
    cluster = MapReduceCluster(tmp_path_factory.mktemp("code"))
    try:
        cluster.start(1, tasktrackers=2)
        with jobs_on(cluster, tmp_path_factory.mktemp("home")) as found:
            found.put("/in", "1\n2\n", "3\n")
            yield found
    finally:
        cluster.close()


def write(jobs, folder, files):
    for name, text in files.items():
        path = jobs.home / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def succeeded(jobs, job, output, **more):
    status = jobs.ended(jobs.submit(job, None, output=output, **more))
    assert status.state is JobState.SUCCEEDED, status.failures
    return jobs.output(output)


def test_packages_relative_imports_closures_decorators_files_and_archives_work_there(jobs):
    write(
        jobs,
        "whole",
        {
            "job.py": """
                from functools import wraps
                from mapred import Job, Mapper, Param, Reducer
                from parts.deep.tools import scaled
                import beside

                def twice(function):
                    @wraps(function)
                    def both(self, key, value):
                        for _ in range(2):
                            yield from function(self, key, value)
                    return both

                def mapper_adding(amount):
                    class Adding(Mapper):
                        @twice
                        def map(self, offset, line):
                            yield beside.KEY(int(line)), scaled(int(line)) + amount
                    return Adding

                class Sums(Reducer):
                    order = staticmethod(lambda values: sorted(values, key=lambda v: -v))
                    def reduce(self, key, values):
                        import late
                        words = self.ctx.file("data/words.txt").read_text()
                        inner = self.ctx.file("inner/in.txt").read_text()
                        yield key, [*self.order(values), words + inner + late.WORD]

                class Whole(Job):
                    mapper, reducer = mapper_adding(amount=5), Sums
                    files = ["data"]
                    archives = ["in.tar#inner"]
            """,
            "beside.py": "KEY = lambda number: number % 2\n",
            "late.py": "WORD = 'late'\n",
            "parts/__init__.py": "",
            "parts/numbers.py": "FACTOR = 100\n",
            "parts/deep/__init__.py": "",
            "parts/deep/tools.py": """
                from ..numbers import FACTOR
                from . import other
                def scaled(number):
                    return number * FACTOR * other.ONE
            """,
            "parts/deep/other.py": "ONE = 1\n",
            "data/words.txt": "words",
            "in.txt": "inner",
        },
    )
    with tarfile.open(jobs.home / "whole" / "in.tar", "w") as archive:
        archive.add(jobs.home / "whole" / "in.txt", "in.txt")
    assert succeeded(jobs, "whole/job.py", "/whole", reducers=1) == [
        "0\t[205, 205, 'wordsinnerlate']",
        "1\t[305, 305, 105, 105, 'wordsinnerlate']",
    ]


SAME = """
    from mapred import Job, Mapper
    import helper

    class Names(Mapper):
        def map(self, offset, line):
            yield line, helper.NAME

    class Same(Job):
        mapper = Names
"""


def test_jobs_with_modules_of_one_name_do_not_see_each_others(jobs):
    for name in ("ana", "ben"):
        write(jobs, name, {"same.py": SAME, "helper.py": f"NAME = '{name}'\n"})
    submitted = {
        name: [jobs.submit(f"{name}/same.py", None, output=f"/{name}{n}") for n in range(2)]
        for name in ("ana", "ben")
    }
    for name, ids in submitted.items():
        for number, job_id in enumerate(ids):
            assert jobs.ended(job_id).state is JobState.SUCCEEDED
            assert jobs.output(f"/{name}{number}") == [f"{n}\t{name}" for n in (1, 2, 3)]


def test_a_package_that_is_missing_there_is_one_clear_error(jobs):
    source = textwrap.dedent(SAME).replace("import helper", "") + (
        "    requirements = ['numpy', 'no-such-package>=7']\n"
    )
    status = jobs.ended(jobs.submit("needs.py", source, output="/needs"))
    assert status.state is JobState.FAILED
    (failure,) = status.failures
    assert failure.kind is FailureKind.FATAL
    assert failure.reason == (
        "no TaskTracker has what the job needs: Same needs no-such-package>=7 (there is none), "
        "on 127.0.0.1. Install it there"
    )
    assert failure.traceback == ""
    assert status.attempts_failed == 1
    assert not jobs.store.exists("/needs")


@pytest.fixture
def told():
    """A web server that is unwell at first: its address, and what it was asked with its answers."""
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            code = 200 if asked else 503
            asked.append((self.path, code))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_a_web_server_is_told_of_the_end_again_when_it_was_unwell(jobs, told):
    address, asked = told
    source = textwrap.dedent(SAME).replace("import helper", "").replace("helper.NAME", "1")
    url = f"{address}/ended?id=$jobId&as=$jobStatus"
    job_id = jobs.submit(
        "tells.py", source, output="/tells", job_notify_url=url, job_notify_interval_s=0.1
    )
    assert jobs.ended(job_id).state is JobState.SUCCEEDED
    eventually(
        lambda: jobs.engine.status(job_id)[0].notification.endswith(" sent"), "the end is told"
    )
    path = f"/ended?id={job_id}&as=SUCCEEDED"
    assert asked == [(path, 503), (path, 200)]
