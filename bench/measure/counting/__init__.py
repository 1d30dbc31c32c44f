"""Exact counts of the cost of a program, derived from the shapes of the tensors that its operators read and write."""
