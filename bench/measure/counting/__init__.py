"""Counting without measuring: what the operators of a program do, read off the shapes of their tensors."""
