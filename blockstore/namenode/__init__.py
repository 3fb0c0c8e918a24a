"""The block store's namenode."""
