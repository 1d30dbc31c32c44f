"""Attention modules, one family per file. Every module is built by ``Module(channels, **options)``."""
