"""Descriptions: the summaries of an exemplar as a file, from which a texture is synthesized.

`making` describes an exemplar, `storage` reads and writes the file, `reuse` plans a synthesis.
"""
