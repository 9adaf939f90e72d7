"""Choices for people that stand for others: presets, content, shares, guides, variants.

`resolution` replaces the first two by fields of `Config`: a run and its record have just those.
"""
