"""A tracker's data side as a process: `python stoppedpeer.py ROOT CHUNKS`. It prints its port,
sends so many chunks and half of the next one, says so, and stands still until it is killed."""

import sys
import threading

from blockstore.runtime import rpc
from mapred.tasktracker.servicer import FETCH_SERVICE
from mapred.tasktracker.statecopies import StateServicer
from mapred.tasktracker.workdirs import WorkDirs


class Stopping(StateServicer):
    def __init__(self, root: str, number: int) -> None:
        super().__init__(WorkDirs(root))
        self._number = number
        self._served = 0

    def chunk(self, request, context):
        self._served += 1
        (frame,) = super().chunk(request, context)
        if self._served <= self._number:
            yield frame
            return
        yield frame[: len(frame) // 2]
        print("stands still", flush=True)
        threading.Event().wait()


def main(root: str, number: str) -> None:
    states = Stopping(root, int(number))
    server = rpc.threaded_server(threads=4)
    handler = rpc.raw_handler(
        FETCH_SERVICE,
        unary_unary={"StateView": states.view},
        unary_stream={"StateChunk": states.chunk},
    )
    server.add_generic_rpc_handlers((handler,))
    print(rpc.bind(server, "127.0.0.1", 0), flush=True)
    server.start()
    threading.Event().wait()


main(*sys.argv[1:])
