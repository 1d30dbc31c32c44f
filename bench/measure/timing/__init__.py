"""Clocks, the interleaved sampler and its stopping rule."""
