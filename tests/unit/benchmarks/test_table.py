from benchmarks.table import Row, merged, save, saved


def test_a_run_of_some_rows_leaves_the_others_in_the_table(tmp_path):
    assert saved("speed", tmp_path) == []
    old = [Row("sort", "GNU", 6.0), Row("sort", "Spark", 5.0), Row("sums", "DuckDB", 3.0)]
    save("speed", old, tmp_path)
    new = [Row("sort", "Spark", 4.0, its=16.0, ratio=4.0, runs=5), Row("words", "Polars", 1.0)]
    rows = merged(saved("speed", tmp_path), new)
    assert rows == [old[0], new[0], old[2], new[1]]
