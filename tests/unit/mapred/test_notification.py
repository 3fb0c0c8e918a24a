"""What a job may ask for when it has ended, in our words and in Hadoop's."""

import pytest

from mapred.errors import ParamError
from mapred.model import JobState
from mapred.notification import notification_of, notification_setting
from mapred.streaming.request import Request, meaning_of

WISH = {
    "notify_url": "https://h:8/a/$jobId?s=$jobStatus",
    "notify_attempts": 2,
    "notify_interval_s": 0.5,
    "notify_timeout_s": 4.0,
}


def test_id_and_status_are_put_into_the_url():
    wish = notification_of({"notification": notification_setting(WISH)})
    assert wish is not None
    assert wish.url_of("job_1", JobState.FAILED) == "https://h:8/a/job_1?s=FAILED"
    assert (wish.attempts, wish.interval_s, wish.timeout_s) == (2, 0.5, 4.0)


def test_a_job_that_wants_none_has_none():
    assert notification_setting({**WISH, "notify_url": ""}) == ""
    assert notification_of({}) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"notify_url": "file:///etc/passwd"}, "only http and https"),
        ({"notify_url": "h:80/x"}, "only http and https"),
        ({"notify_url": "http:///x"}, "names no host"),
        ({"notify_url": "http://h/a b"}, "percent-encoded"),
        ({"notify_url": "http://h/a\r\nX: y"}, "percent-encoded"),
        ({"notify_url": "http://h:99999/"}, "ort"),
        ({"notify_url": "http://h:0/"}, "no port 0"),
        ({"notify_url": "http://h/" + "x" * 8000}, "longer than 8000"),
        ({"notify_url": "http://me:secret@h/"}, "password"),
        ({"notify_attempts": 0}, "from 1 to 10"),
        ({"notify_attempts": 11}, "from 1 to 10"),
        ({"notify_interval_s": 61.0}, "from 0 to 60"),
        ({"notify_interval_s": float("nan")}, "from 0 to 60"),
        ({"notify_timeout_s": 0.0}, "above 0 to 60"),
    ],
)
def test_what_cant_be_asked_for_is_refused(change, message):
    with pytest.raises(ParamError, match=message):
        notification_setting({**WISH, **change})


@pytest.mark.parametrize(
    "family",
    ["mapreduce.job.end-notification", "job.end-notification"],
)
def test_hadoops_names_mean_the_same(family):
    words = {
        f"{family}.url": "http://h/$jobId",
        f"{family}.retry.attempts": "3",
        f"{family}.retry.interval": "9000",
        f"{family}.timeout": "2500",
    }
    meaning = meaning_of(Request(mapper="cat", reducer="NONE", properties=words))
    told = {name: word for name, word in meaning.settings.items() if "notify" in name}
    assert told == {
        "job.notify_url": "http://h/$jobId",
        "job.notify_attempts": "4",
        "job.notify_interval_s": "5.0",
        "job.notify_timeout_s": "2.5",
    }
    assert meaning.without_effect == []


def test_hadoops_oldest_name_and_its_bound_of_attempts():
    words = {
        "job.end.notification.url": "http://h/",
        "job.end.retry.attempts": "9",
        "mapreduce.job.end-notification.max.attempts": "2",
    }
    settings = meaning_of(Request(mapper="cat", properties=words)).settings
    assert settings["job.notify_url"] == "http://h/"
    assert settings["job.notify_attempts"] == "2"
