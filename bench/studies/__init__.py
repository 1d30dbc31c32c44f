"""Studies: programs that write a committed report and are not suites."""
