"""Who is told how far a loop is, while it runs."""

from collections.abc import Mapping
from typing import Protocol

from mapred.iterative.checkpoint import RoundRecord
from mapred.model import JobStatus


class Listener(Protocol):
    """Who is told how far a loop is; called on the driver's thread."""

    def status(self, status: JobStatus) -> None:
        """News of the job of the round that runs."""
        ...

    def placed(self) -> None:
        """The job that places the input has ended well; the first round's follows."""
        ...

    def round_done(self, record: RoundRecord) -> None: ...

    def went_back(self, rounds: int, counters: Mapping[tuple[str, str], int]) -> None:
        """What was done after so many rounds is done anew."""
        ...


class Silent:
    """Tells nobody."""

    def status(self, status: JobStatus) -> None:
        pass

    def placed(self) -> None:
        pass

    def round_done(self, record: RoundRecord) -> None:
        pass

    def went_back(self, rounds: int, counters: Mapping[tuple[str, str], int]) -> None:
        pass
