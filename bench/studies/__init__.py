"""Studies: programs that write a committed report without a suite."""
