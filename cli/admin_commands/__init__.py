"""The commands of `mapred admin`, one idea a module."""
