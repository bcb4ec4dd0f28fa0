"""One router for each thing the school keeps.

Handlers are plain functions, which the framework runs in threads: the database driver blocks. Each opens its own session.
"""
