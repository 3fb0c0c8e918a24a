"""Who is told over HTTP that a job has ended: a GET of a URL, as Hadoop's end-notification.

In the URL `$jobId` and `$jobStatus` stand for the job's id and SUCCEEDED, FAILED or KILLED. In
JobSpec.settings it's JSON of a `Notification`, made by `notification_setting`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from mapred.errors import ParamError
from mapred.model import JobState

# In JobSpec.settings.
NOTIFICATION: Final = "notification"
# So that a story waits for no more than some minutes until all has been tried.
ATTEMPTS_MAX: Final = 10
INTERVAL_MAX_S: Final = 60.0
TIMEOUT_MAX_S: Final = 60.0
# What servers commonly take.
URL_CHARACTERS_MAX: Final = 8000


@dataclass(frozen=True, slots=True)
class Notification:
    """`attempts` in all, `interval_s` apart; an answer may take `timeout_s`."""

    url: str
    attempts: int
    interval_s: float
    timeout_s: float

    def url_of(self, job_id: str, state: JobState) -> str:
        return self.url.replace("$jobId", job_id).replace("$jobStatus", state.name)


def notification_setting(settings: Mapping[str, Any]) -> str:
    """From a job's attributes; "" when it wants none.

    Raises:
        ParamError: what can't be asked for.
    """
    if not settings["notify_url"]:
        return ""
    import msgspec

    wish = Notification(
        settings["notify_url"],
        settings["notify_attempts"],
        settings["notify_interval_s"],
        settings["notify_timeout_s"],
    )
    _check(wish)
    return msgspec.json.encode(wish).decode()


def notification_of(settings: Mapping[str, str]) -> Notification | None:
    """From JobSpec.settings, whoever made them.

    Raises:
        ParamError: what can't be asked for.
    """
    if NOTIFICATION not in settings:
        return None
    import msgspec

    try:
        wish = msgspec.json.decode(settings[NOTIFICATION], type=Notification)
    except msgspec.DecodeError as error:
        raise ParamError(f"the job's setting '{NOTIFICATION}' can't be read: {error}") from None
    _check(wish)
    return wish


def _check(wish: Notification) -> None:
    if why := _unusable(wish.url):
        raise ParamError(
            f"job.notify_url {wish.url!r}: {why}. Write it as "
            "'http://HOST:PORT/PATH?id=$jobId&status=$jobStatus'"
        )
    if not 1 <= wish.attempts <= ATTEMPTS_MAX:
        raise ParamError(
            f"job.notify_attempts can be from 1 to {ATTEMPTS_MAX}, not {wish.attempts}"
        )
    if not 0 <= wish.interval_s <= INTERVAL_MAX_S:
        raise ParamError(
            f"job.notify_interval_s can be from 0 to {INTERVAL_MAX_S:g}, not {wish.interval_s:g}"
        )
    if not 0 < wish.timeout_s <= TIMEOUT_MAX_S:
        raise ParamError(
            f"job.notify_timeout_s can be above 0 to {TIMEOUT_MAX_S:g}, not {wish.timeout_s:g}"
        )


def _unusable(url: str) -> str:
    if len(url) > URL_CHARACTERS_MAX:
        return f"it is longer than {URL_CHARACTERS_MAX} characters"
    # Also what would end the line of the request early.
    if not url.isascii() or not url.isprintable() or " " in url:
        return "spaces and letters outside of ASCII must be percent-encoded"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return str(error)
    if parts.scheme not in ("http", "https"):
        return "only http and https are spoken"
    if not parts.hostname:
        return "it names no host"
    if port == 0:
        return "there is no port 0"
    if "@" in parts.netloc:
        return "it can't have a password: everybody who may see the job would see it"
    return ""
