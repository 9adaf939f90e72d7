"""Choices for people that stand for others: presets, and the amount of content.

`resolution` replaces them by fields of `Config`: a run and its record have just those.
"""
