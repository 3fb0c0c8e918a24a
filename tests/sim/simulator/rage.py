"""Faults that come at random and are mended again: what every kind of run has in common."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from simulator.network import Host, Network, Weather
from simulator.world import Life, World

Fault: TypeAlias = Callable[[], None]


class Server(Protocol):
    """A host that is started and crashes."""

    name: str
    life: Life

    @property
    def up(self) -> bool: ...

    def start(self) -> None: ...

    def crash(self, *, power_loss: bool, rng: random.Random) -> Any: ...

    def disarm(self) -> None:
        """No crash that was prepared comes any more."""
        ...


@dataclass(frozen=True, slots=True)
class Temper:
    """How bad it gets."""

    pause_s: float
    outage_s: float
    weather: Weather
    rot: bool


def temper_of(rng: random.Random, *, rot: bool) -> Temper:
    """From a bad day to a bad year."""
    return Temper(
        pause_s=rng.choice([1.5, 3.0, 6.0]),
        outage_s=rng.choice([2.0, 6.0, 16.0]),
        weather=Weather(
            lost=rng.choice([0.0, 0.01, 0.05]),
            doubled=rng.choice([0.0, 0.02, 0.1]),
            late=rng.choice([0.0, 0.01, 0.05]),
            late_s=rng.choice([1.0, 5.0]),
            stream_breaks=rng.choice([0.0, 0.003, 0.02]),
        ),
        rot=rot,
    )


class Rage:
    """Has a life of its own, which ends when the faults stop."""

    temper: Temper

    def __init__(self, world: World, network: Network) -> None:
        self._world = world
        self._network = network
        self._rng = world.rng("nemesis")
        self._life = Life("nemesis")

    def start(self) -> None:
        self._network.weather = self.temper.weather
        self._world.spawn(self._rage(), self._life)

    def stop(self) -> None:
        """Everything is mended; who is down is started."""
        self._life.end()
        self._network.weather = Weather()
        self._network.mend_all()
        for host in self.servers():
            host.disarm()
            if not host.up:
                host.start()

    def servers(self) -> Sequence[Server]:
        """Who crashes, and has to be up in the end."""
        raise NotImplementedError

    def faults(self) -> list[tuple[int, Fault]]:
        """Each with how often it comes, compared with the others."""
        raise NotImplementedError

    async def _rage(self) -> None:
        faults = self.faults()
        weights = [weight for weight, _ in faults]
        while True:
            await self._world.sleep(self._rng.expovariate(1 / self.temper.pause_s))
            (fault,) = self._rng.choices(faults, weights)
            fault[1]()

    def _outage_s(self) -> float:
        return 0.3 + self._rng.expovariate(1 / self.temper.outage_s)

    def _start_later(self, host: Server) -> None:
        def start() -> None:
            if not host.up:
                host.start()

        self._world.later(self._outage_s(), start, self._life)

    def _start_when_dead(self, host: Server) -> None:
        async def watch() -> None:
            for _ in range(40):
                await self._world.sleep(0.5)
                if not host.up:
                    self._start_later(host)
                    return

        self._world.spawn(watch(), self._life)

    def _cut_off(self, victim: Host, others: Sequence[Host]) -> None:
        """From each other, or in one direction only; for a while."""
        style = self._rng.random()
        self._world.count("partition", victim.name)
        for other in others:
            if other is victim:
                continue
            if style < 0.2:
                self._network.cut_one_way(victim.name, other.name)
            elif style < 0.4:
                self._network.cut_one_way(other.name, victim.name)
            else:
                self._network.cut(victim.name, other.name)

        def mend() -> None:
            for other in others:
                self._network.mend(victim.name, other.name)

        self._world.later(self._outage_s(), mend, self._life)
