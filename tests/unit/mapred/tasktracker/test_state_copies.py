"""What a tracker gives of a state that its task processes have, or are gathering."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from mapred.errors import FetchError
from mapred.iterative.chunks import cut
from mapred.iterative.partialcopy import COMING, HERE, MISSING, PartialCopy
from mapred.tasktracker.statecopies import STREAMS_MAX, StateServicer
from mapred.tasktracker.workdirs import WorkDirs
from mapred.wire import tasktracker_pb2 as pb

FOLDER = "family_0123456789abcdef01234567"
DATA = b"aaaabbbbcc"
CHUNKS = cut(DATA, 4)


@pytest.fixture
def servicer(tmp_path) -> StateServicer:
    return StateServicer(WorkDirs(str(tmp_path / "empty"), str(tmp_path / "disk")))


@pytest.fixture
def partial(tmp_path) -> Iterator[PartialCopy]:
    folder = tmp_path / "disk" / FOLDER
    folder.mkdir(parents=True)
    with closing(PartialCopy(folder, CHUNKS)) as found:
        yield found


def view(servicer: StateServicer, sha256: str = CHUNKS.sha256, folder: str = FOLDER):
    request = pb.StateRequest(folder=folder, sha256=sha256).SerializeToString()
    answer = pb.StateView.FromString(servicer.view(request, None))
    return answer.whole, answer.marks


def chunk(servicer: StateServicer, number: int, folder: str = FOLDER) -> Iterator[bytes]:
    request = pb.StateChunkRequest(
        state=pb.StateRequest(folder=folder, sha256=CHUNKS.sha256),
        number=number,
        start=CHUNKS.start(number),
        length=CHUNKS.size(number),
    )
    return servicer.chunk(request.SerializeToString(), None)


def test_a_chunk_is_given_as_soon_as_it_is_here(servicer, partial):
    assert view(servicer) == (False, bytes([MISSING] * 3))
    partial.mark(0, COMING)
    partial.write(1, b"bbbb")
    assert view(servicer) == (False, bytes([COMING, HERE, MISSING]))
    assert b"".join(chunk(servicer, 1)) == b"bbbb"
    with pytest.raises(FetchError, match=r"chunk 0 of state-\w+ isn't here"):
        next(chunk(servicer, 0))

    partial.write(0, b"aaaa")
    partial.write(2, b"cc")
    partial.publish()
    assert view(servicer) == (True, b"")
    assert [b"".join(chunk(servicer, number)) for number in range(3)] == [b"aaaa", b"bbbb", b"cc"]


def test_of_what_is_not_here_it_has_nothing(servicer, partial):
    assert view(servicer, "0" * 64) == (False, b"")
    assert view(servicer, folder="family_00") == (False, b"")


def test_no_more_than_some_are_served_at_once(servicer, partial):
    partial.write(1, b"bbbb")
    served = [chunk(servicer, 1) for _ in range(STREAMS_MAX)]
    assert [next(one) for one in served] == [b"bbbb"] * STREAMS_MAX
    with pytest.raises(FetchError, match="others are being served"):
        next(chunk(servicer, 1))
    served.pop().close()
    assert next(chunk(servicer, 1)) == b"bbbb"


def test_a_request_can_not_lead_out_of_a_loops_folder(servicer, tmp_path):
    (tmp_path / "disk").mkdir()
    Path(tmp_path, f"state-{CHUNKS.sha256}").write_bytes(DATA)
    with pytest.raises(FetchError, match="is no folder of a loop"):
        next(chunk(servicer, 0, folder=".."))
    with pytest.raises(FetchError, match="is no folder of a loop"):
        view(servicer, folder="family_00/../..")
    with pytest.raises(FetchError, match="is no hash"):
        view(servicer, sha256="../" * 21 + "x")
    with pytest.raises(FetchError, match="not a StateRequest"):
        servicer.view(b"\xff", None)
