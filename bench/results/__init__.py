"""Results: pure functions on frames of records."""
