"""Carry out a plan: processes, workloads, environments and sessions."""
