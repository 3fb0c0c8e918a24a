"""Hadoop Streaming's contract: mappers, combiners and reducers that are programs.

properties.py   what `-D` words mean, under Hadoop's new and old names
contract.py     what travels with a job: commands, separators, environment
jobfolder.py    the folder that is submitted: a job file of a few lines, and what -file names
steps.py        the mappers and the reducer of that job
child.py        one program with its three pipes
stderr.py       `reporter:` lines, and the end of what it said
linecolumns.py  its lines as columns of keys and values
keyfields.py    -k options: order of keys and choice of reducers
"""
