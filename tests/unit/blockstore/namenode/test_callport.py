"""The call port: who is let in, what is answered, and how connections end."""

import asyncio
import struct
from typing import ClassVar

import pytest

from blockstore import callframes
from blockstore.errors import ConfigException
from blockstore.namenode.callport import ENTRY_S, CallPort
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.disk import MemoryDisk
from blockstore.namenode.recovery import recover
from blockstore.namenode.servicer import ClientServicer
from blockstore.namenode.shell import Shell
from blockstore.runtime import portframes
from blockstore.runtime.clock import FakeClock
from blockstore.runtime.identity import user_in_progress
from blockstore.runtime.secret import prove
from blockstore.wire import namenode_pb2 as pb

WAIT_S = 60
MKDIR = pb.BatchCall(mkdirs=pb.MkdirsRequest(path="/a", request_id="1"))
STAT = pb.BatchCall(stat=pb.PathRequest(path="/a"))


class Caller:
    """A client, frame by frame."""

    made: ClassVar[list["Caller"]] = []

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.made.append(self)

    @classmethod
    async def dialled(cls, port, secret=None, user="ann"):
        caller = cls(*await asyncio.open_connection("127.0.0.1", port.port))
        greeting = await asyncio.wait_for(caller.reader.read(portframes.GREETING_BYTES), WAIT_S)
        if greeting:
            nonce = callframes.PORT.unpack_greeting(greeting)
            caller.entry = callframes.pack_entry(
                prove(secret, callframes.PORT.purpose, nonce), user
            )
        return caller

    def say(self, *calls, entry=True):
        frames = [portframes.pack_frame(call.SerializeToString()) for call in calls]
        self.writer.write((self.entry if entry else b"") + b"".join(frames))

    async def hear(self):
        head = await asyncio.wait_for(self.reader.readexactly(portframes.SIZE_BYTES), WAIT_S)
        frame = await asyncio.wait_for(
            self.reader.readexactly(callframes.PORT.frame_bytes(head)), WAIT_S
        )
        outcome = pb.BatchOutcome.FromString(frame)
        return outcome.refusal.kind or outcome.WhichOneof("outcome")

    async def is_over(self):
        try:
            return await asyncio.wait_for(self.reader.read(1), WAIT_S) == b""
        except ConnectionError:
            return True


async def all_gone(port, but=0):
    async with asyncio.timeout(WAIT_S):
        while len(port._callers) > but:  # noqa: ASYNC110
            await asyncio.sleep(0)


def with_port(use, perform=None, secret=None, connections_max=8):
    """`perform`: what answers, instead of a NameNode."""

    async def run():
        state, journal = recover(MemoryDisk(), wall=1.0)
        shell = Shell(NameNodeConfig(), state, journal, FakeClock(now=1.0), [].append)
        shell.take(shell.core.start())
        servicer = ClientServicer(shell, secret)
        port = servicer.port
        if perform:
            port = CallPort(perform, connections_max=connections_max, secret=secret)
        await port.listen("127.0.0.1", 0)
        try:
            return await use(port)
        finally:
            port.close()
            for caller in Caller.made:
                caller.writer.transport.abort()
            Caller.made.clear()
            await all_gone(port)
            await shell.commit.close()

    return asyncio.run(run())


async def done(call):
    return pb.BatchOutcome(done=pb.Empty())


def test_each_is_answered_in_turn_and_refusals_are_answers():
    async def use(port):
        caller = await Caller.dialled(port)
        caller.say(STAT)
        heard = [await caller.hear()]
        for call in (MKDIR, STAT, MKDIR):
            caller.say(call, entry=False)
            heard.append(await caller.hear())
        return heard

    # The last has the id of the second: told the same.
    assert with_port(use) == ["FileNotFoundException", "done", "file", "done"]


def test_who_says_everything_at_once_or_byte_by_byte_is_answered_too():
    async def use(port):
        eager = await Caller.dialled(port)
        eager.say(STAT, MKDIR, STAT)
        heard = [await eager.hear() for _ in range(3)]
        slow = await Caller.dialled(port)
        words = slow.entry + portframes.pack_frame(STAT.SerializeToString())
        for number in range(len(words)):
            slow.writer.write(words[number : number + 1])
            await slow.writer.drain()
            await asyncio.sleep(0)
        return [*heard, await slow.hear()]

    assert with_port(use) == ["FileNotFoundException", "done", "file", "file"]


def test_what_is_asked_is_asked_in_the_callers_name():
    users = []

    async def perform(call):
        users.append(user_in_progress.get())
        return await done(call)

    async def use(port):
        for name in ("ann", "bob", "Jürgen"):
            caller = await Caller.dialled(port, user=name)
            caller.say(STAT)
            await caller.hear()
        return user_in_progress.get()

    assert with_port(use, perform) is None
    assert users == ["ann", "bob", "Jürgen"]


@pytest.mark.parametrize("secret", [None, "wrong"])
def test_who_doesnt_know_the_secret_is_told_nothing(secret):
    asked = []

    async def perform(call):
        asked.append(call)
        return await done(call)

    async def use(port):
        stranger = await Caller.dialled(port, secret=secret)
        stranger.say(MKDIR)
        assert await stranger.is_over()
        friend = await Caller.dialled(port, secret="right")
        friend.say(MKDIR)
        return await friend.hear()

    assert with_port(use, perform, secret="right") == "done"
    assert asked == [MKDIR]


def test_a_proof_is_good_for_one_connection():
    async def use(port):
        first = await Caller.dialled(port, secret="right")
        second = await Caller.dialled(port, secret="right")
        second.entry = first.entry
        second.say(MKDIR)
        return await second.is_over()

    assert with_port(use, done, secret="right")


@pytest.mark.parametrize(
    "words",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: somebody\r\n\r\n",
        struct.pack("<I", callframes.FRAME_BYTES_MAX + 1),
        portframes.pack_frame(b"\xff\xff no message"),
        # A request of no known kind.
        portframes.pack_frame(b""),
    ],
)
def test_what_cant_be_understood_ends_the_connection_and_no_other(words):
    async def use(port):
        good, bad = await Caller.dialled(port), await Caller.dialled(port)
        good.say(STAT)
        await good.hear()
        bad.writer.write(words if words.startswith(b"GET") else bad.entry + words)
        assert await bad.is_over()
        good.say(STAT, entry=False)
        return await good.hear()

    assert with_port(use) == "FileNotFoundException"


def test_who_doesnt_say_who_he_is_and_who_is_silent_are_ended(monkeypatch):
    async def use(port):
        loop = asyncio.get_running_loop()
        silent, idle, busy = [await Caller.dialled(port) for _ in range(3)]
        idle.say(MKDIR)
        await idle.hear()
        busy.say(STAT)
        await asked.wait()
        now = loop.time()
        monkeypatch.setattr(loop, "time", lambda: now + ENTRY_S + 0.1)
        port._look()
        assert await silent.is_over()
        assert len(port._callers) == 2
        monkeypatch.setattr(loop, "time", lambda: now + callframes.IDLE_S + 1)
        port._look()
        assert await idle.is_over()
        monkeypatch.undo()
        # However long his answer takes.
        go_on.set()
        return await busy.hear()

    asked, go_on = asyncio.Event(), asyncio.Event()

    async def perform(call):
        if call == STAT:
            asked.set()
            await go_on.wait()
        return await done(call)

    assert with_port(use, perform) == "done"


def test_one_that_is_too_many_isnt_greeted_and_room_is_used_again():
    async def use(port):
        first = await Caller.dialled(port)
        second = await Caller.dialled(port)
        refused = await Caller.dialled(port)
        assert await refused.is_over()
        first.writer.close()
        await all_gone(port, but=1)
        third = await Caller.dialled(port)
        for caller in (second, third):
            caller.say(STAT)
            assert await caller.hear() == "done"

    with_port(use, done, connections_max=2)


def test_close_ends_who_waits_at_once_and_others_after_their_answer():
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def perform(call):
        asked.set()
        await go_on.wait()
        return await done(call)

    async def use(port):
        waiting, busy = await Caller.dialled(port), await Caller.dialled(port)
        busy.say(MKDIR)
        await asked.wait()
        port.close()
        assert await waiting.is_over()
        go_on.set()
        assert await busy.hear() == "done"
        assert await busy.is_over()
        assert port.port == 0

    with_port(use, perform)


def test_a_request_that_fails_ends_its_connection_so_that_it_is_made_as_a_call():
    async def perform(call):
        raise ZeroDivisionError("a fault of ours")

    async def use(port):
        caller = await Caller.dialled(port)
        caller.say(MKDIR)
        return await caller.is_over()

    assert with_port(use, perform)


def test_a_client_that_goes_away_meanwhile_hurts_nobody():
    asked, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def perform(call):
        asked.set()
        await go_on.wait()
        ended.set()
        return await done(call)

    async def use(port):
        gone = await Caller.dialled(port)
        gone.say(MKDIR)
        await asked.wait()
        gone.writer.transport.abort()
        await all_gone(port)
        go_on.set()
        # What was begun is done.
        await asyncio.wait_for(ended.wait(), WAIT_S)

    with_port(use, perform)


def test_who_asks_and_listens_to_nothing_is_ended():
    async def perform(call):
        return pb.BatchOutcome(refusal=pb.BatchRefusal(message="x" * 1024 * 1024))

    async def use(port):
        caller = await Caller.dialled(port)
        caller.reader._transport.pause_reading()
        caller.say(*[STAT] * 64)
        await all_gone(port)

    with_port(use, perform)


def test_a_port_that_is_taken_is_told():
    async def use(port):
        other = CallPort(done, connections_max=1, secret=None)
        with pytest.raises(ConfigException, match="call_port"):
            await other.listen("127.0.0.1", port.port)

    with_port(use, done)
