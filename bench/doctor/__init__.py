"""Checks whether a machine is fit to measure on.

:func:`bench.doctor.probes.read_facts` reads the facts, and :func:`bench.doctor.findings.diagnose` evaluates them.
"""
