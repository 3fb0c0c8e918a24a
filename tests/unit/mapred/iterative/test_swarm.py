"""Which chunk from whom next: machines of one loop, played on one clock, from a seed."""

import heapq
import random
from collections import Counter, deque
from collections.abc import Callable
from functools import partial

import pytest

from mapred.iterative.partialcopy import COMING, HERE, MISSING, View
from mapred.iterative.swarm import (
    PATIENCE_S,
    REFUSALS_MAX,
    REFUSED_PAUSE_S,
    UNKNOWN_S,
    Ask,
    Read,
    Swarm,
    Take,
)

CHUNKS = 40
STORE_S, PEER_S, ASK_S, MUTE_S = 0.04, 0.03, 0.002, 2.0
# Ends a play that doesn't come to its end.
END_S = 120.0


class Machine:
    def __init__(self, name: str) -> None:
        self.name = name
        self.marks = bytearray(CHUNKS)
        self.swarm: Swarm | None = None
        self.wrong = self.mute = self.stuck = False
        self.done_at = -1.0
        self.wakes_at = 0.0

    @property
    def view(self) -> View:
        if self.swarm is None:
            return View()
        return View(whole=True) if self.swarm.done else View(marks=bytes(self.marks))


class Play:
    """Machines that begin at some time, a store, and what each was asked for."""

    def __init__(self, seed: int, machines: int, listed: int | None = None) -> None:
        self.rng = random.Random(seed)
        self.machines = {
            f"tracker-{number}": Machine(f"tracker-{number}") for number in range(machines)
        }
        self.listed = list(self.machines)[:listed]
        self.read: Counter[int] = Counter()
        self.taken: Counter[str] = Counter()
        self.store_fails = False
        self.now = 0.0
        self._events: list = []
        self._numbers = iter(range(10**9))

    def at(self, when: float, what) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), what))

    def begin(self, name: str, at: float = 0.0) -> None:
        def started() -> None:
            machine = self.machines[name]
            rng = random.Random(f"{name} {self.rng.random()}")
            machine.swarm = Swarm(CHUNKS, "ab12", name, self.listed, now=self.now, rng=rng)
            self._go_on(machine)

        self.at(at, started)

    def run(self) -> "Play":
        while self._events:
            self.now, _, what = heapq.heappop(self._events)
            assert self.now < END_S, self.machines
            what()
        return self

    def _go_on(self, machine: Machine) -> None:
        swarm = machine.swarm
        if swarm.done:
            if machine.done_at < 0:
                machine.done_at = self.now
            return
        if machine.stuck or swarm.hopeless(self.now):
            return
        for action in swarm.next(self.now):
            self._begin(machine, action)
        again = swarm.wake_at(self.now)
        assert again > self.now
        machine.wakes_at = again

        def woken() -> None:
            # A later look has put it off, or brought it forward.
            if machine.wakes_at == again:
                self._go_on(machine)

        self.at(again, woken)

    def _begin(self, machine: Machine, action: Ask | Take | Read) -> None:
        cost, answer = self._answer(machine, action)

        def answered() -> None:
            if not machine.stuck:
                answer()
                self._go_on(machine)

        self.at(self.now + cost * self.rng.uniform(0.5, 1.5), answered)

    def _answer(self, machine: Machine, action: Ask | Take | Read) -> tuple[float, Callable]:
        """How long it takes, and what it is."""
        swarm = machine.swarm
        if isinstance(action, Read):
            self.read[action.number] += 1
            machine.marks[action.number] = COMING
            return STORE_S, partial(
                self._unread if self.store_fails else self._came, machine, action
            )
        peer = self.machines[action.peer]
        if isinstance(action, Ask):
            if peer.mute:
                return MUTE_S, partial(swarm.unheard, peer.name)
            view = peer.view
            return ASK_S, lambda: swarm.heard(peer.name, view, self.now)
        assert peer.swarm.done or peer.marks[action.number] == HERE
        self.taken[peer.name] += 1
        if peer.wrong:
            return PEER_S, partial(swarm.spoilt, action)
        return PEER_S, partial(self._came, machine, action)

    def _unread(self, machine: Machine, action: Read) -> None:
        machine.marks[action.number] = MISSING
        machine.swarm.unread(action)

    def _came(self, machine: Machine, action: Take | Read) -> None:
        machine.marks[action.number] = HERE
        machine.swarm.arrived(action)

    def all_done(self, *but: str) -> bool:
        return all(m.swarm.done for name, m in self.machines.items() if name not in but)


@pytest.mark.parametrize("machines", [1, 2, 4, 12])
@pytest.mark.parametrize("seed", range(3))
def test_machines_that_begin_together_read_each_chunk_about_once(seed, machines):
    play = Play(seed, machines)
    for name in play.machines:
        play.begin(name, play.rng.uniform(0, 0.05))
    play.run()

    assert play.all_done()
    assert set(play.read) == set(range(CHUNKS))
    # Two may begin at the same moment.
    assert play.read.total() <= CHUNKS * 1.1
    assert play.taken.total() == CHUNKS * machines - play.read.total()


@pytest.mark.parametrize("seed", range(3))
def test_who_comes_when_another_has_all_reads_nothing(seed):
    play = Play(seed, 3)
    play.begin("tracker-0")
    play.begin("tracker-1", 30.0)
    play.run()
    assert (play.read.total(), play.taken) == (CHUNKS, {"tracker-0": CHUNKS})


@pytest.mark.parametrize("seed", range(3))
def test_machines_that_the_others_do_not_know_read_nothing_either(seed):
    play = Play(seed, 8, listed=3)
    for name in play.machines:
        play.begin(name, play.rng.uniform(0, 0.01))
    play.run()
    assert play.all_done()
    assert play.read.total() <= CHUNKS * 1.1


@pytest.mark.parametrize("seed", range(2))
def test_a_machine_that_stops_in_the_middle_is_passed_over(seed):
    play = Play(seed, 4)
    for name in play.machines:
        play.begin(name)
    stuck = play.machines["tracker-1"]
    play.at(0.2, lambda: setattr(stuck, "stuck", True))
    play.run()
    assert play.all_done("tracker-1")
    assert not stuck.swarm.done
    assert play.read.total() <= CHUNKS * 1.2
    assert max(m.done_at for m in play.machines.values()) < 0.2 + PATIENCE_S + 3


@pytest.mark.parametrize("seed", range(3))
def test_a_machine_that_does_not_answer_costs_a_moment(seed):
    play = Play(seed, 4)
    play.machines["tracker-2"].mute = True
    for name in play.machines:
        if name != "tracker-2":
            play.begin(name)
    play.run()
    assert play.all_done("tracker-2")
    assert play.read.total() <= CHUNKS * 1.1
    assert max(m.done_at for m in play.machines.values()) < UNKNOWN_S + 3


@pytest.mark.parametrize("seed", range(3))
def test_who_sends_wrong_bytes_is_left_and_the_others_give_them(seed):
    play = Play(seed, 4)
    play.machines["tracker-0"].wrong = True
    play.begin("tracker-0")
    for name in ("tracker-1", "tracker-2", "tracker-3"):
        play.begin(name, 20.0)
    play.run()
    assert play.all_done()
    # Each has believed it once for each chunk that was on its way.
    assert play.taken["tracker-0"] == 3
    assert play.read.total() <= CHUNKS * 2.1


def test_when_the_store_fails_what_others_have_is_taken():
    play = Play(0, 2)
    play.begin("tracker-0")
    play.at(10.0, lambda: setattr(play, "store_fails", True))
    play.begin("tracker-1", 20.0)
    play.run()
    assert play.all_done()


def test_when_the_store_fails_and_nobody_has_more_there_is_no_hope():
    play = Play(0, 2)
    play.store_fails = True
    play.begin("tracker-0")
    play.begin("tracker-1")
    play.run()
    assert all(machine.swarm.hopeless(play.now) for machine in play.machines.values())


def test_who_refuses_is_asked_again_a_little_later_and_not_for_ever():
    swarm = Swarm(1, "ab12", "me", ["me", "other"], now=0.0, rng=random.Random(0))
    now, takes = 0.0, 0
    assert swarm.next(now) == [Ask("other")]
    while takes <= REFUSALS_MAX:
        swarm.heard("other", View(whole=True), now)
        assert swarm.next(now) == [Take(0, "other")]
        takes += 1
        swarm.refused(Take(0, "other"), now)
        if takes <= REFUSALS_MAX:
            assert swarm.next(now) == []
            assert swarm.wake_at(now) <= now + REFUSED_PAUSE_S
            now += REFUSED_PAUSE_S
            assert swarm.next(now) == [Ask("other")]
    assert swarm.next(now) == [Read(0)]


def idle(machines):
    """One of so many, the others of which do nothing; asked, they answer one after another."""
    names = [f"tracker-{number}" for number in range(machines)]
    return Swarm(CHUNKS, "ab12", names[0], names, now=0.0, rng=random.Random(1))


def test_many_answers_that_come_one_after_another_keep_it_from_reading_no_longer_than_that():
    swarm, asked, now = idle(32), deque(), 0.0
    while not swarm.done:
        assert now < END_S
        for action in swarm.next(now):
            if isinstance(action, Read):
                swarm.arrived(action)
            else:
                asked.append(action)
        now += 0.02
        if asked:
            swarm.heard(asked.popleft().peer, View(), now)


def test_a_question_that_is_always_under_way_is_no_hope():
    swarm = idle(2)
    (ask,) = swarm.next(0.0)
    swarm.heard(ask.peer, View(), 0.01)
    (read,) = (action for action in swarm.next(0.01) if isinstance(action, Read))
    swarm.unread(read)
    (ask,) = (action for action in swarm.next(10.0) if isinstance(action, Ask))
    assert swarm.hopeless(10.0)
