"""Who is told how far a loop is, while it runs."""

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


class Silent:
    """Tells nobody."""

    def status(self, status: JobStatus) -> None:
        pass

    def placed(self) -> None:
        pass

    def round_done(self, record: RoundRecord) -> None:
        pass
