"""Choices for people that stand for others: presets, the amount of content, and the
shares of the scales.

`resolution` replaces the first two by fields of `Config`: a run and its record have just those.
"""
