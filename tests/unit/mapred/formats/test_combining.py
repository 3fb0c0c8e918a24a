from hypothesis import given
from hypothesis import strategies as st

from mapred.formats.combining import combined
from mapred.formats.splits import SPLITS_WANTED
from mapred.model import Split


def files(*sizes, hosts=lambda at: ()):
    return [Split(f"file:///f{at}", 0, size, hosts(at)) for at, size in enumerate(sizes)]


def together(splits, split_bytes=1000):
    return combined(splits, [split.length for split in splits], split_bytes=split_bytes)


def test_a_few_files_have_a_split_each():
    splits = files(*[1] * SPLITS_WANTED)
    assert together(splits) == splits


@given(
    st.lists(st.integers(1, 2000), min_size=SPLITS_WANTED + 1, max_size=100),
    st.lists(st.sets(st.sampled_from("abcd")), min_size=1),
)
def test_files_keep_their_order_and_splits_their_size(sizes, hosts):
    splits = files(*sizes, hosts=lambda at: tuple(sorted(hosts[at % len(hosts)])))
    found = together(splits)
    assert [file for split in found for file in split.files] == splits
    for split in found:
        assert split.length == sum(file.length for file in split.files)
        assert len(split.files) == 1 or split.length <= 1000
        for host in split.hosts:
            held = sum(file.length for file in split.files if host in file.hosts)
            assert 2 * held >= split.length


def test_many_small_files_are_about_as_many_splits_as_wanted():
    found = together(files(*[3] * 1000))
    assert SPLITS_WANTED <= len(found) <= SPLITS_WANTED + 2
    assert len(together(files(*[400] * 1000))) == 500


def test_a_split_that_is_half_full_ends_before_a_file_that_is_elsewhere():
    splits = files(*[100] * 40, hosts=lambda at: ("a",) if at % 8 < 6 else ("b",))
    found = together(splits)
    assert [len(split.files) for split in found][:4] == [2, 2, 2, 2]
    assert all(len({file.hosts for file in split.files}) == 1 for split in found)


def test_pieces_of_large_files_are_left_alone():
    splits = files(*[10] * 20)
    large = [Split("file:///large", 0, 100), Split("file:///large", 100, 100)]
    found = combined([*splits, *large], [10] * 20 + [200, 200], split_bytes=1000)
    assert found[-2:] == large
