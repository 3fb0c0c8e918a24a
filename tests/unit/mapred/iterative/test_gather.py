"""Chunks of a state come from trackers over real gRPC, and elsewhere where these fail."""

import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from blockstore.errors import UnreachableException
from blockstore.runtime import rpc
from mapred.errors import FetchError
from mapred.iterative.chunks import Chunks, cut
from mapred.iterative.gather import Gathering, NotWholeError, Peer, Traffic
from mapred.iterative.partialcopy import PartialCopy, View, copy_in
from mapred.storage.local import LocalStorage
from mapred.task.remotestates import RemotePeers
from mapred.tasktracker.servicer import serve
from mapred.tasktracker.workdirs import WorkDirs

CHUNK = 10_000
LAST = 1234
DATA = random.Random(7).randbytes(7 * CHUNK + LAST)
CHUNKS = cut(DATA, CHUNK)
FOLDER = "family_0123456789abcdef01234567"
STOPPED_PEER = Path(__file__).with_name("stoppedpeer.py")


class Here:
    """This machine, a store with the file, and trackers elsewhere."""

    def __init__(self, root: Path, ending: ExitStack) -> None:
        self._root = root
        self._ending = ending
        self.uri = f"file://{root}/stored"
        self.traffic = Traffic()
        (root / "stored").write_bytes(DATA)
        (root / "me").mkdir()

    def folder_of(self, name: str, data: bytes = DATA) -> Path:
        """A tracker's, with the whole of it."""
        folder = self._root / name / FOLDER
        folder.mkdir(parents=True)
        copy_in(folder, CHUNKS.sha256).write_bytes(data)
        return folder

    def tracker(self, name: str) -> Peer:
        server = rpc.threaded_server(threads=4)
        serve(server, WorkDirs(str(self._root / name)))
        port = rpc.bind(server, "127.0.0.1", 0)
        server.start()
        self._ending.callback(lambda: server.stop(0).wait(60))
        return Peer(name, "127.0.0.1", port)

    def gather(self, *others: Peer, peers=None, **named) -> bytes:
        peers = peers or RemotePeers(FOLDER)
        with closing(PartialCopy(self._root / "me", CHUNKS)) as partial:
            Gathering(
                partial, self.uri, LocalStorage(), peers, "me", others, self.traffic, **named
            ).run()
            return partial.publish().read_bytes()

    def lose_the_store(self) -> None:
        (self._root / "stored").unlink()


@pytest.fixture
def here(tmp_path) -> Iterator[Here]:
    with ExitStack() as ending:
        yield Here(tmp_path, ending)


def test_what_others_have_is_not_read_from_the_store(here):
    here.folder_of("a")
    here.folder_of("b")
    here.lose_the_store()

    assert here.gather(here.tracker("a"), here.tracker("b")) == DATA

    assert here.traffic == Traffic(from_peers=len(DATA))


def test_a_tracker_that_is_killed_in_the_middle_of_a_chunk_is_left_for_the_store(here, tmp_path):
    here.folder_of("killed")
    sent = 2
    process = subprocess.Popen(
        [sys.executable, STOPPED_PEER, str(tmp_path / "killed"), str(sent)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        peer = Peer("killed", "127.0.0.1", int(process.stdout.readline()))

        def kill() -> None:
            process.stdout.readline()
            process.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            assert here.gather(peer, clock=lambda: 0.0) == DATA
        finally:
            process.kill()
            killer.join(60)

    assert here.traffic.from_store == len(DATA) - here.traffic.from_peers
    assert here.traffic.from_peers in (sent * CHUNK, (sent - 1) * CHUNK + LAST)
    assert here.traffic.given_up == 1


def test_wrong_bytes_are_noticed_told_and_had_from_another(here, caplog):
    damaged = bytearray(DATA)
    damaged[::CHUNK] = bytes(255 - byte for byte in DATA[::CHUNK])
    here.folder_of("bad", bytes(damaged))
    here.folder_of("good")
    here.lose_the_store()
    bad, good = here.tracker("bad"), here.tracker("good")
    sent_wrong = threading.Event()

    class InTurn(RemotePeers):
        """The good one answers when the bad one has sent something."""

        def view(self, peer: Peer, sha256: str) -> View:
            assert peer == bad or sent_wrong.wait(60)
            return super().view(peer, sha256)

        def chunk(self, peer: Peer, chunks: Chunks, number: int) -> bytes:
            try:
                return super().chunk(peer, chunks, number)
            finally:
                sent_wrong.set()

    found = here.gather(bad, good, peers=InTurn(FOLDER), clock=lambda: 0.0)

    assert found == DATA
    assert here.traffic == Traffic(from_peers=len(DATA), wrong=1, given_up=1)
    (told,) = caplog.messages
    assert "tracker bad at 127.0.0.1" in told
    assert "has other bytes than were sent" in told


def test_when_no_tracker_can_be_reached_all_comes_from_the_store(here):
    with ExitStack() as ending:
        # Bound, and nobody listens.
        refused = [ending.enter_context(socket.socket()) for _ in range(2)]
        for one in refused:
            one.bind(("127.0.0.1", 0))
        peers = [Peer(f"t{at}", *one.getsockname()) for at, one in enumerate(refused)]
        assert here.gather(*peers) == DATA

    assert here.traffic == Traffic(from_store=len(DATA), given_up=2)


def test_a_tracker_that_never_answers_is_not_waited_for(here):
    over = threading.Event()

    class Silent(RemotePeers):
        def view(self, peer: Peer, sha256: str) -> View:
            assert over.wait(60)
            raise UnreachableException("too late")

    try:
        assert here.gather(Peer("silent", "127.0.0.1", 9), peers=Silent(FOLDER)) == DATA
    finally:
        over.set()
    assert here.traffic == Traffic(from_store=len(DATA))


def test_who_gives_nothing_just_now_is_asked_again(here):
    here.folder_of("busy")
    here.lose_the_store()
    refused: list[int] = []

    class Busy(RemotePeers):
        def chunk(self, peer: Peer, chunks: Chunks, number: int) -> bytes:
            if number not in refused:
                refused.append(number)
                raise FetchError("ask again, or elsewhere")
            return super().chunk(peer, chunks, number)

    assert here.gather(here.tracker("busy"), peers=Busy(FOLDER)) == DATA
    assert here.traffic == Traffic(from_peers=len(DATA))
    assert len(refused) == len(CHUNKS)


def test_without_store_and_others_it_is_told_why(here):
    here.lose_the_store()
    with pytest.raises(FileNotFoundError):
        here.gather(here.tracker("nothing"))


def test_other_bytes_in_the_store_are_told_with_their_place(here, tmp_path):
    (tmp_path / "stored").write_bytes(DATA[:-1] + bytes([255 - DATA[-1]]))
    with pytest.raises(NotWholeError, match=rf"stored has other bytes .* chunk 7 of {len(CHUNKS)}"):
        here.gather()
    assert here.traffic.from_store == 0 or here.traffic.from_store % CHUNK == 0
