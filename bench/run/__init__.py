"""Execution of a plan: processes, workloads, environments and sessions."""
