"""Backbone networks, one family per file. Every network is built with ``num_classes`` and ``in_channels``."""
