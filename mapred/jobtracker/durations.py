"""How long the finished tasks of a job took: their mean, and a sample in order, in little room."""

from bisect import insort
from typing import Final

# Enough for quartiles to a percent; a job may have a million tasks.
SAMPLE_MAX: Final = 400


class Durations:
    """Seconds."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0.0
        # In order. Once full, every second one is dropped, and only every second one, fourth
        # one, … is taken in: all of the job is in it alike.
        self.sample: list[float] = []
        self._stride = 1

    def __repr__(self) -> str:
        return f"Durations({self.count}, mean {self.mean_s or 0:.3f} s)"

    def add(self, seconds: float) -> None:
        self._sum += seconds
        if self.count % self._stride == 0:
            insort(self.sample, seconds)
            if len(self.sample) >= SAMPLE_MAX:
                self.sample = self.sample[::2]
                self._stride *= 2
        self.count += 1

    @property
    def mean_s(self) -> float | None:
        return self._sum / self.count if self.count else None
