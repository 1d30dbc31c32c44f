"""Backbone networks, one family a file: ``(num_classes, in_channels) → nn.Module``."""
