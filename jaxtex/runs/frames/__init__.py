"""Sequences: style transfers of the frames of a video, each from the result of the one before."""
