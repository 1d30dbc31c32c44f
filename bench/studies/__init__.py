"""Programs whose report is committed but which are not suites."""
