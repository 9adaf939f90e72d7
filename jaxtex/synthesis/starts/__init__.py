"""Starts: the image before the first step, and what is added where a scale begins.

`initialization` chooses both, from the images that `references` gives; `spot_noise` is the usual
start, `fine_details` what is added to it.
"""
