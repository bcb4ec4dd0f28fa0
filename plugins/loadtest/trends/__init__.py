"""Months of runs at a glance: where each endpoint is going, when it jumped, and how well the pipeline itself works."""
