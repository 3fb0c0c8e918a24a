"""Named places at which a process can be made to die, fail or stop: for tests of what then
happens. Off unless the environment says otherwise.

    MAPRED_FAILPOINT=journal.synced          the process kills itself there, as power does
    MAPRED_FAILPOINT=journal.synced:3        at the third time
    MAPRED_FAILPOINT=journal.synced:1:error  an I/O error there, and every time after
    MAPRED_FAILPOINT=journal.synced:1:sleep  it hangs there for a minute

Before and after every sync, rename, finalise, image switch and acknowledgement there is one; a test
finds these places and the names in the code, and has a process die at each.
"""

import errno
import os
import signal
import time
from typing import Final

VARIABLE: Final = "MAPRED_FAILPOINT"
SLEEP_S: Final = 60.0

_name, _left, _action = "", 0, ""


def arm(words: str) -> None:
    """Sets what the environment set, or (empty) nothing; for processes that were forked."""
    global _name, _left, _action
    _name, _, rest = words.partition(":")
    count, _, action = rest.partition(":")
    _left, _action = int(count or 1), action or "kill"


def hit(name: str) -> None:
    """This place is reached; costs a comparison."""
    if name == _name:
        _act()


def _act() -> None:
    global _left
    _left -= 1
    if _left > 0:
        return
    if _action == "error":
        raise OSError(errno.EIO, f"failpoint {_name}")
    if _left < 0:
        return
    if _action == "sleep":
        time.sleep(SLEEP_S)
    else:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get(VARIABLE, ""))
