"""Suites: axes and cells, YAML files and their checks, and the plan that a suite expands to."""
