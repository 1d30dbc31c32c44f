"""What is asked: axes and cells, suites read from YAML, and the plan that a suite expands to."""
