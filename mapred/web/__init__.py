"""The status site: what a cluster does, as pages for people and as figures for Prometheus.

Read-only, a process of its own, a plain client of both masters: it can die, lag or be left
out without anybody noticing. Pages are made on the server; without JavaScript they reload.
"""
