"""Carrying a plan out: processes, workloads, the environment, and the directory a run leaves behind."""
