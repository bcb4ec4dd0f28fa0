"""Simulated runs of a load test, to measure how often a judge cries wolf and how often it sleeps."""
