"""Threads that stop together."""

import signal
import threading

import pytest
from mapred_cli.crew import Crew, Stopped

WAIT_S = 30.0


@pytest.mark.parametrize("threads", [1, 3])
def test_whoever_is_in_the_middle_of_an_item_brings_it_to_an_end_at_ctrl_c(threads):
    stopped, all_in = threading.Event(), threading.Barrier(threads + 1)
    never = threading.Event()
    ended = []

    def work(item):
        all_in.wait(WAIT_S)
        assert stopped.wait(WAIT_S)
        # As a file's close, which takes a while.
        never.wait(0.2)
        ended.append(item)
        raise Stopped

    def interrupt():
        all_in.wait(WAIT_S)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    interrupter = threading.Thread(target=interrupt)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        Crew(threads, work, stopped).run(range(threads))
    assert sorted(ended) == list(range(threads))
    interrupter.join()


def test_the_first_error_stops_all_and_is_raised():
    stopped = threading.Event()

    def work(item):
        if item == 3:
            raise OSError("the disk is full")
        assert stopped.wait(WAIT_S)
        raise Stopped

    with pytest.raises(OSError, match="the disk is full"):
        Crew(4, work, stopped).run(range(100))
    assert stopped.is_set()
