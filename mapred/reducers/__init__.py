"""Ready-made reducers. `reducer = Sum` is all: maps combine with it by themselves.

Their modules are imported by name (mapred/__init__.py): planning a job must not import numpy.
"""
