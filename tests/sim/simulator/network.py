"""The simulated network: calls that get lost, late or doubled, and streams that break.

Rules
- A message takes a random time; each takes its own, so they overtake each other.
- A lost request, or a lost answer, is silence: the caller's deadline ends it. The server
  may have done it all the same.
- A request may arrive twice, the second time much later: a client's own retry looks so too.
- A host that is down refuses at once, or is silent, as the luck falls.
- A stream (TCP) keeps its order and loses nothing until it breaks; then both ends are told,
  each after a time, and what was under way is gone.
- A partition is a set of pairs of hosts that can't hear each other.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from blockstore.errors import UnreachableException
from simulator.world import Future, Life, World


@dataclass(slots=True)
class Weather:
    """How bad the network is just now; shares of all messages, and seconds."""

    lost: float = 0.0
    doubled: float = 0.0
    # Messages that take up to `late_s`.
    late: float = 0.0
    late_s: float = 4.0
    stream_breaks: float = 0.0
    delay_s: float = 0.002


class Host:
    """Something with a name and lives; `serve_…` methods answer calls."""

    def __init__(self, world: World, network: "Network", name: str) -> None:
        self.world = world
        self.network = network
        self.name = name
        self.life = Life(name)
        self.life.alive = False
        network.hosts[name] = self

    @property
    def up(self) -> bool:
        return self.life.alive

    def begin_life(self) -> None:
        assert not self.up, f"{self.name} runs"
        self.life = Life(self.name)

    def end_life(self) -> None:
        """The machine of a killed process closes its connections; a dead machine is silent."""
        life, tells = self.life, self.network._rng.random() < 0.5
        life.alive = False
        for stream in self.network.streams_of(life):
            stream.cut_off(tells=tells)
        life.end()

    async def serve(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Answers one call. Raises StoreError or MapredError for the caller."""
        return await getattr(self, f"serve_{method}")(*arguments, **named)


class Network:
    """Who hears whom, and when."""

    def __init__(self, world: World, refusals: tuple[type[Exception], ...]) -> None:
        self.world = world
        self.hosts: dict[str, Host] = {}
        self.weather = Weather()
        self._rng = world.rng("network")
        self._cut: set[tuple[str, str]] = set()
        self._streams: dict[Life, list[Stream]] = {}
        # Exceptions that travel to the caller; any other one is a bug.
        self._refusals = refusals

    # --- partitions

    def cut(self, one: str, other: str) -> None:
        self._cut |= {(one, other), (other, one)}

    def cut_one_way(self, sender: str, receiver: str) -> None:
        self._cut.add((sender, receiver))

    def mend(self, one: str, other: str) -> None:
        self._cut -= {(one, other), (other, one)}

    def mend_all(self) -> None:
        self._cut.clear()

    def hears(self, sender: str, receiver: str) -> bool:
        return (sender, receiver) not in self._cut

    # --- single messages

    def delay_s(self) -> float:
        rng, weather = self._rng, self.weather
        if weather.late and rng.random() < weather.late:
            self.world.figures["message late"] += 1
            return rng.uniform(0, weather.late_s)
        return weather.delay_s * (0.5 + rng.random())

    def _lost(self, sender: str, receiver: str) -> bool:
        if not self.hears(sender, receiver):
            self.world.figures["message cut off"] += 1
            return True
        if self.weather.lost and self._rng.random() < self.weather.lost:
            self.world.figures["message lost"] += 1
            return True
        return False

    def _deliver(self, sender: str, receiver: str, action: Callable[[], None]) -> None:
        if not self._lost(sender, receiver):
            self.world.later(self.delay_s(), action)

    # --- calls

    async def call(
        self,
        caller: Host,
        name: str,
        method: str,
        *arguments: Any,
        within_s: float = 3.0,
        **named: Any,
    ) -> Any:
        """Asks another host.

        Raises:
            UnreachableException: no answer in time, or refused because nobody is there.
            Exception: what the server refused it with.
        """
        answer: Future[Any] = Future()
        request = _Request(self, caller, caller.life, name, method, arguments, named, answer)
        self._deliver(caller.name, name, request.arrive)
        if self.weather.doubled and self._rng.random() < self.weather.doubled:
            self.world.figures["message doubled"] += 1
            self._deliver(caller.name, name, request.arrive)
        silence = UnreachableException(f"{name} did not answer {method} within {within_s} s")
        return await self.world.within(answer, within_s, silence)

    # --- streams

    def streams_of(self, life: Life) -> "list[Stream]":
        return self._streams.pop(life, [])

    async def open_stream(self, caller: Host, name: str, method: str, *arguments: Any) -> "Stream":
        """A stream to another host, which serves it by `method(stream, *arguments)`.

        Raises:
            UnreachableException: nobody is there.
        """
        opened: Future[Stream] = Future()

        def arrive() -> None:
            host = self.hosts[name]
            if not host.up:
                self._refuse(name, caller.name, opened)
                return
            here, there = Stream.pair(self, caller, host)
            self.world.spawn(host.serve(method, there, *arguments), host.life)
            self._deliver(name, caller.name, lambda: opened.set(here))

        self._deliver(caller.name, name, arrive)
        silence = UnreachableException(f"{name} did not accept a stream")
        return await self.world.within(opened, 3.0, silence)

    def _refuse(self, name: str, caller: str, answer: Future[Any]) -> None:
        # A dead process's machine says so; a dead machine says nothing.
        if self._rng.random() < 0.5:
            error = UnreachableException(f"{name} refused the connection")
            self._deliver(name, caller, lambda: answer.fail(error))


@dataclass(slots=True)
class _Request:
    network: Network
    caller: Host
    caller_life: Life
    name: str
    method: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    answer: Future[Any]

    def arrive(self) -> None:
        host = self.network.hosts[self.name]
        if not host.up:
            self.network._refuse(self.name, self.caller.name, self.answer)
            return
        host.world.spawn(self._serve(host), host.life)

    async def _serve(self, host: Host) -> None:
        try:
            value = await host.serve(self.method, *self.arguments, **self.named)
        except self.network._refusals as refusal:
            error = refusal
            self._answer(lambda: self.answer.fail(error))
        else:
            self._answer(lambda: self.answer.set(value))

    def _answer(self, settle: Callable[[], None]) -> None:
        def arrive() -> None:
            if self.caller_life.alive:
                settle()

        self.network._deliver(self.name, self.caller.name, arrive)


class StreamBroken(UnreachableException):
    """The other end is gone, or somebody has closed the stream."""


class Stream:
    """One end of an ordered, two-way stream of frames."""

    def __init__(self, network: Network, host: Host) -> None:
        self._network = network
        self._host = host
        self._life = host.life
        self._peer: Stream = self
        self._frames: deque[Any] = deque()
        self._waiting: Future[None] | None = None
        self._not_before = 0.0
        self._broken = ""
        network._streams.setdefault(host.life, []).append(self)

    @classmethod
    def pair(cls, network: Network, caller: Host, callee: Host) -> tuple["Stream", "Stream"]:
        here, there = cls(network, caller), cls(network, callee)
        here._peer, there._peer = there, here
        return here, there

    def send(self, frame: Any) -> None:
        """Into the stream; whether it arrives is told by nobody but the peer.

        Raises:
            StreamBroken: it's known already that it can't.
        """
        network, world, peer = self._network, self._network.world, self._peer
        if self._broken or not self._life.alive:
            raise StreamBroken(self._broken or "dead")
        if not self._reaches() or network._rng.random() < network.weather.stream_breaks:
            world.figures["stream broken"] += 1
            self.close("connection lost")
            return
        arrives = max(self._not_before, world.now + network.delay_s())
        self._not_before = arrives
        world.later(arrives - world.now, lambda: peer._take(frame))

    def _reaches(self) -> bool:
        return (
            self._peer._life.alive
            and self._network.hears(self._host.name, self._peer._host.name)
            and self._network.hears(self._peer._host.name, self._host.name)
        )

    def _take(self, frame: Any) -> None:
        if not self._broken and self._life.alive:
            self._frames.append(frame)
            self._wake()

    def _wake(self) -> None:
        if self._waiting is not None:
            self._waiting.set(None)
            self._waiting = None

    async def receive(self, within_s: float = 5.0) -> Any:
        """The next frame.

        Raises:
            StreamBroken: no further frame can come, or none has come in time.
        """
        while not self._frames:
            if self._broken:
                raise StreamBroken(self._broken)
            self._waiting = Future()
            silence = StreamBroken(f"{self._peer._host.name} is silent")
            await self._network.world.within(self._waiting, within_s, silence)
        return self._frames.popleft()

    def close(self, reason: str = "closed") -> None:
        """This end is over now; the other one hears of it after what was sent before."""
        if self._broken:
            return
        self._end(reason)
        network, world, peer = self._network, self._network.world, self._peer
        at = max(self._not_before, world.now + network.delay_s())
        world.later(at - world.now, lambda: peer._hang_up(reason))

    def _end(self, reason: str) -> None:
        self._broken = reason
        if self._life.alive:
            self._network._streams[self._life].remove(self)
            self._wake()

    def _hang_up(self, reason: str) -> None:
        if not self._broken:
            self._end(f"{self._peer._host.name}: {reason}")

    def cut_off(self, *, tells: bool) -> None:
        """This end's life is over."""
        if tells:
            self.close("connection reset")
        self._broken = "dead"


def pick(rng: random.Random, items: "list[Any]") -> Any:
    return items[rng.randrange(len(items))]
