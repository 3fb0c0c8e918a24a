import pytest

from mapred.web.quantities import moment, number, percent, size, span


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (200 * 1024**2, "200 MiB"),
        (2**70, "1048576 PiB"),
    ],
)
def test_sizes(count: int, text: str):
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.25, "0.2 s"),
        (59.9, "59 s"),
        (61, "1 min 1 s"),
        (7500, "2 h 5 min"),
        (90000, "1 d 1 h"),
    ],
)
def test_spans(seconds: float, text: str):
    assert span(seconds) == text


def test_hundred_percent_means_all():
    assert [percent(x) for x in (-1, 0.57, 0.999, 1.0, 7)] == [
        "0 %",
        "57 %",
        "99 %",
        "100 %",
        "100 %",
    ]


def test_numbers_and_moments():
    assert number(1234567) == "1\u202f234\u202f567"
    assert moment(0) == "1970-01-01 00:00:00 UTC"
