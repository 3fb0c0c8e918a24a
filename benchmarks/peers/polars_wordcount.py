"""Word count as a user of Polars writes it.  python polars_wordcount.py INPUT OUTPUT"""

import sys

import polars as pl

text, output = sys.argv[1:]
lines = pl.scan_csv(
    text, has_header=False, separator="\x01", quote_char=None, schema={"line": pl.String}
)
counts = (
    lines.select(pl.col("line").str.split(" ").alias("word"))
    .explode("word")
    .filter(pl.col("word") != "")
    .group_by("word")
    .len()
)
counts.collect(engine="streaming").write_csv(
    output, include_header=False, separator="\t", quote_style="never"
)
