"""What one job waits for just now instead of taking any slot; not journaled."""

from math import inf


class Patience:
    """The rules are those of scheduler.py and home.py."""

    def __init__(self) -> None:
        # When its maps first passed over a slot since one went where its input is.
        self.skipped_at: float | None = None
        self.reduces_since: float | None = None
        # Until then, or until something is recorded of the job, its maps go only to their input.
        self.local_until = 0.0
        # When it may take a slot that it doesn't take now.
        self.ask_again_at = inf

    def lasts(self, since: float, wait_s: float, now: float) -> bool:
        """Whether that wait isn't over; then the job is asked again when it is."""
        if now - since < wait_s:
            self.ask_again_at = min(self.ask_again_at, since + wait_s)
            return True
        return False

    def wait_moved(self, wait_s: float) -> None:
        """The wait for a nearer slot is another by now."""
        if self.local_until and self.skipped_at is not None:
            self.local_until = min(self.local_until, self.skipped_at + wait_s)
            self.ask_again_at = min(self.ask_again_at, self.local_until)
