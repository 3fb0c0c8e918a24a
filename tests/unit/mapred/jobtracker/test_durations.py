import random
from statistics import fmean

from mapred.jobtracker.durations import SAMPLE_MAX, Durations


def test_the_mean_is_of_all_and_the_sample_is_small_in_order_and_fair() -> None:
    rng = random.Random(1)
    seconds = [rng.uniform(0, 100) for _ in range(50_000)]
    durations = Durations()
    for one in seconds:
        durations.add(one)

    assert durations.mean_s is not None
    assert abs(durations.mean_s - fmean(seconds)) < 1e-6
    sample = durations.sample
    assert SAMPLE_MAX / 4 <= len(sample) <= SAMPLE_MAX
    assert sample == sorted(sample)
    assert all(abs(sample[len(sample) * q // 4] - 25 * q) < 12 for q in (1, 2, 3))


def test_of_none_there_is_no_mean() -> None:
    assert Durations().mean_s is None
