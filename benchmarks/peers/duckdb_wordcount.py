"""Word count as a user of DuckDB writes it.  python duckdb_wordcount.py INPUT OUTPUT"""

import sys

import duckdb

text, output = sys.argv[1:]
duckdb.sql("SET threads = 2; SET preserve_insertion_order = false")
duckdb.sql(f"""
    COPY (
        SELECT word, count(*) FROM (
            SELECT unnest(string_split(line, ' ')) AS word
            FROM read_csv('{text}', header = false, delim = '\x01', quote = '', escape = '',
                          auto_detect = false, columns = {{'line': 'VARCHAR'}})
        ) WHERE word <> '' GROUP BY word
    ) TO '{output}' (DELIMITER '\t', HEADER false, QUOTE '')
""")
