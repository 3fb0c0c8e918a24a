"""Streams of requests: one after another, refusals among them, and their end."""

import asyncio
from contextlib import aclosing

from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.disk import MemoryDisk
from blockstore.namenode.recovery import recover
from blockstore.namenode.servicer import ClientServicer
from blockstore.namenode.shell import Shell
from blockstore.runtime.clock import FakeClock
from blockstore.wire import namenode_pb2 as pb

MKDIR = pb.BatchCall(mkdirs=pb.MkdirsRequest(path="/a", request_id="1"))
STAT = pb.BatchCall(stat=pb.PathRequest(path="/a"))


def with_servicer(use):
    async def run():
        state, journal = recover(MemoryDisk(), wall=1.0)
        shell = Shell(NameNodeConfig(), state, journal, FakeClock(now=1.0), [].append)
        shell.take(shell.core.start())
        try:
            return await use(ClientServicer(shell))
        finally:
            await shell.commit.close()

    return asyncio.run(run())


def word(outcome):
    return outcome.refusal.kind or outcome.WhichOneof("outcome")


def test_each_is_answered_before_the_next_is_looked_at_and_refusals_are_answers():
    async def use(servicer):
        story = []

        async def calls():
            for call in (STAT, MKDIR, STAT, MKDIR):
                story.append(f"asks {call.WhichOneof('request')}")
                yield call

        async for outcome in servicer.Calls(calls(), None):
            story += [word(outcome)]
        return story

    assert with_servicer(use) == [
        "asks stat",
        "FileNotFoundException",
        "asks mkdirs",
        "done",
        "asks stat",
        "file",
        # The same id: told the same.
        "asks mkdirs",
        "done",
    ]


def test_a_stop_ends_a_stream_that_waits_at_once_and_a_busy_one_after_its_answer():
    async def use(servicer):
        never = asyncio.Event()

        async def calls():
            yield MKDIR
            await never.wait()
            yield STAT

        async def listen(into):
            async for outcome in servicer.Calls(calls(), None):
                into.append(word(outcome))
                answered.set()
                if into is busy:
                    servicer.streams.close()

        waiting, busy, answered = [], [], asyncio.Event()
        first = asyncio.create_task(listen(waiting))
        await answered.wait()
        await listen(busy)
        await first
        return waiting, busy

    assert with_servicer(use) == (["done"], ["done"])


def test_a_client_that_goes_away_is_no_stop():
    async def use(servicer):
        async def calls():
            yield MKDIR
            await asyncio.Event().wait()

        async def listen():
            async with aclosing(servicer.Calls(calls(), None)) as outcomes:
                async for _ in outcomes:
                    answered.set()

        answered = asyncio.Event()
        gone = asyncio.create_task(listen())
        await answered.wait()
        gone.cancel()
        return await asyncio.gather(gone, return_exceptions=True)

    (ended,) = with_servicer(use)
    assert isinstance(ended, asyncio.CancelledError)
