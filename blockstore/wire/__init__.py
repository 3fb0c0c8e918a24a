"""Generated wire code: `python protos/generate.py` makes it from protos/."""
