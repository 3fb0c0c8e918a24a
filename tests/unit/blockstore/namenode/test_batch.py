"""Batches: the servicer's own methods, in order, with one sync for all."""

import asyncio

import pytest

from blockstore.errors import InvalidRequestException
from blockstore.namenode import batch
from blockstore.namenode.commit import GroupCommit
from blockstore.namenode.config import NameNodeConfig
from blockstore.namenode.disk import MemoryDisk
from blockstore.namenode.recovery import recover
from blockstore.namenode.servicer import ClientServicer
from blockstore.namenode.shell import Shell
from blockstore.runtime.clock import FakeClock
from blockstore.wire import namenode_pb2 as pb


class CountingDisk(MemoryDisk):
    steps = 0

    def __init__(self):
        super().__init__()
        self.before_step = self.count

    def count(self):
        self.steps += 1


def send(*calls):
    """The outcomes' kinds, the refusals' names in them, and what the batch cost the disk."""

    async def run():
        disk = CountingDisk()
        state, journal = recover(disk, wall=1.0)
        shell = Shell(NameNodeConfig(), state, journal, FakeClock(now=1.0), [].append)
        shell.take(shell.core.start())
        await shell.commit.durable()
        disk.steps = 0
        request = pb.BatchRequest(calls=calls)
        reply = await ClientServicer(shell).Batch(request, None)
        await shell.commit.close()
        return [
            outcome.refusal.kind or outcome.WhichOneof("outcome") for outcome in reply.outcomes
        ], disk.steps

    return asyncio.run(run())


def mkdir(path, request_id=""):
    return pb.BatchCall(mkdirs=pb.MkdirsRequest(path=path, request_id=request_id))


def stat(path):
    return pb.BatchCall(stat=pb.PathRequest(path=path))


def delete(path):
    return pb.BatchCall(delete=pb.DeleteRequest(path=path, request_id=path))


def rename(source, target):
    return pb.BatchCall(rename=pb.RenameRequest(source=source, target=target, request_id=source))


def test_each_request_sees_what_those_before_it_have_changed():
    kinds, _ = send(stat("/a"), mkdir("/a"), stat("/a"), rename("/a", "/b"), stat("/b"))
    assert kinds == ["FileNotFoundException", "done", "file", "done", "file"]


def test_one_that_is_refused_does_not_stop_the_others():
    kinds, _ = send(mkdir("/a"), mkdir("/a"), rename("/no", "/b"), delete("/a"), stat("/a"))
    assert kinds == [
        "done",
        "FileAlreadyExistsException",
        "FileNotFoundException",
        "delete",
        "FileNotFoundException",
    ]


def test_a_hundred_requests_cost_one_write_and_one_sync():
    kinds, steps = send(*(mkdir(f"/d{number}") for number in range(100)))
    assert kinds == ["done"] * 100
    assert steps == 2


class Slow:
    """Answers when others have had their turns, as a removal in slices does."""

    def __init__(self):
        self.told = []

    async def Mkdirs(self, request, _):
        self.told.append(f"{request.path} begun")
        await asyncio.sleep(0)
        turn = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(turn.set_result, f"{request.path} done")
        self.told.append(await turn)
        return pb.Empty()

    async def Stat(self, request, _):
        self.told.append(f"{request.path} looked at")
        return pb.FileReply()


def test_requests_that_take_several_turns_of_the_loop_begin_in_order_and_are_waited_for():
    async def run():
        _, journal = recover(MemoryDisk(), wall=1.0)
        commit = GroupCommit(journal, [].append)
        calls = [mkdir("/a"), stat("/a"), mkdir("/b")]
        slow = Slow()
        reply = await batch.perform(slow, commit, pb.BatchRequest(calls=calls), None)
        await commit.close()
        return slow.told, [outcome.WhichOneof("outcome") for outcome in reply.outcomes]

    told, kinds = asyncio.run(run())
    assert told == ["/a begun", "/a looked at", "/b begun", "/a done", "/b done"]
    assert kinds == ["done", "file", "done"]


def test_too_many_requests_and_unknown_ones_are_refused_as_a_whole():
    with pytest.raises(InvalidRequestException):
        send(*(stat("/") for _ in range(batch.CALLS_MAX + 1)))
    with pytest.raises(InvalidRequestException):
        send(mkdir("/a"), pb.BatchCall())
