"""Sums by key as a user of DuckDB writes it.  python duckdb_groupby.py INPUT OUTPUT KEY"""

import sys

import duckdb

table, output, key = sys.argv[1:]
duckdb.sql("SET threads = 2; SET preserve_insertion_order = false")
duckdb.sql(f"""
    COPY (
        SELECT {key} AS key, sum(amount)::BIGINT AS value FROM read_parquet('{table}') GROUP BY 1
    ) TO '{output}' (FORMAT parquet)
""")
