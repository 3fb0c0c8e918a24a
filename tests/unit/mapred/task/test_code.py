"""A job's code that can't be had just now is waited for; what can't ever be had is fatal."""

import io

import pytest

from blockstore.errors import UnreachableException
from blockstore.runtime.retry import RetryPolicy
from mapred.archive import digest, packed
from mapred.model import FailureKind, JobSpec
from mapred.task import code
from mapred.task.failure import CodeError, Place, failure_of

SOURCE = "from mapred import Job, Mapper\n\nclass M(Mapper): ...\n\nclass J(Job):\n    mapper = M\n"


class Store:
    """Away for so many readings."""

    def __init__(self, data, away):
        self._data, self._away = data, away

    def open_read(self, uri):
        self._away -= 1
        if self._away >= 0:
            raise UnreachableException("the NameNode doesn't answer")
        return io.BytesIO(self._data)


@pytest.fixture
def load(tmp_path, monkeypatch):
    (tmp_path / "waited_for.py").write_text(SOURCE)
    data = packed({"waited_for.py": tmp_path / "waited_for.py"})
    monkeypatch.setattr("sys.path", ["first"])

    def load(*, away, sha256="", attempts=1000):
        policy = RetryPolicy(deadline_s=60.0, base_s=0.001, attempts_max=attempts)
        monkeypatch.setattr(code, "STORE_OUTAGE", policy)
        store = Store(data, away)
        monkeypatch.setattr(code, "storage_for", lambda _: store)
        spec = JobSpec(
            "J",
            "me",
            sha256 or digest(data),
            "bs://x/c.zip",
            "waited_for",
            "J",
            (),
            1,
            "bs://x/out",
        )
        return code.load_job(spec, tmp_path)

    return load


def test_a_store_that_restarts_is_waited_for(load):
    job, folder = load(away=3)
    assert job.__name__ == "J"
    assert (folder / "waited_for.py").is_file()


def test_one_that_stays_away_fails_the_attempt_and_not_the_job(load, tmp_path):
    with pytest.raises(UnreachableException) as caught:
        load(away=3, attempts=3)
    assert failure_of(caught.value, Place(), tmp_path).kind is FailureKind.FAILED


def test_other_bytes_than_were_submitted_are_fatal(load, tmp_path):
    with pytest.raises(CodeError) as caught:
        load(away=0, sha256="0" * 64)
    assert failure_of(caught.value, Place(), tmp_path).kind is FailureKind.FATAL
