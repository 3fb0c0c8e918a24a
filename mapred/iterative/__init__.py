"""Loops: a job that runs again and again on the same input, with a state that moves.

from mapred.iterative import IterativeJob, max_rounds, settled

class KMeans(IterativeJob):
    mapper, reducer = Assign, Add
    until = settled(1e-4) | max_rounds(50)

    def initial_state(self): ...
    def step(self, state, output): ...

    loop          what users subclass
    conditions    when a loop ends
    rounds        the driver: one submitted job a round
    carried       what goes from round to round of a loop whose records are carried on
    carriedloop   its driver
    placed        what stays beside that, by partition
    loopengine    a loop as something that is submitted like a job
    reducing      where a round is reduced
    broadcast     the state on its way to the tasks
    chunks        how a large one is cut
    swarm         which chunk a machine asks whom for
    gather        and how it comes
    partialcopy   what is here of it
    nodecopy      one copy a machine, for all its processes
    peering       who the other machines are
    invariants    decoded input that stays in the workers
    checkpoint    states that survive the driver
    packed        states and statistics as bytes
    status        what is told of a loop that runs
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mapred.iterative.conditions import Stop as Stop
    from mapred.iterative.conditions import max_rounds as max_rounds
    from mapred.iterative.conditions import settled as settled
    from mapred.iterative.loop import IterativeJob as IterativeJob
    from mapred.iterative.loop import Round as Round

_HOME: Final = {
    "IterativeJob": "mapred.iterative.loop",
    "Round": "mapred.iterative.loop",
    "Stop": "mapred.iterative.conditions",
    "max_rounds": "mapred.iterative.conditions",
    "settled": "mapred.iterative.conditions",
}

__all__ = ["IterativeJob", "Round", "Stop", "max_rounds", "settled"]


def __getattr__(name: str) -> object:
    # Task processes of other jobs import modules of this package without needing NumPy for it.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
