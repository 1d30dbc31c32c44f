"""Estimates → Markdown. The only room where numbers are rounded and get units for people."""
