"""A school's record system over HTTP: a small, real service to try load tests on.

It stands alone: copy the folder, or run it with `python -m sample_backend` from the folder above it.
"""
