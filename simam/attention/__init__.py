"""Attention modules, one a file, one signature: ``(channels, **options)``."""
