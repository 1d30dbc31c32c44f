"""A stored run: its records, environments and suite."""
