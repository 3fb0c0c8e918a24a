"""Text by whole buffers, without a Python object a token: for mappers of blocks.

words        what white space separates
word_counts  how often each of them occurs
lines        the lines
fields       the fields of every line
matching     the lines that have a pattern
numbers      strings to integers or floats

A buffer is UTF-8 and ends at the end of a line, as BlockMapper gets it. Bytes that aren't UTF-8
become U+FFFD. Results are Arrow arrays.
"""

from mapred.text.fields import fields as fields
from mapred.text.fields import lines as lines
from mapred.text.fields import matching as matching
from mapred.text.fields import numbers as numbers
from mapred.text.words import word_counts as word_counts
from mapred.text.words import words as words
