"""Starts: the image before the first step, and what is added where a scale begins.

`initialization` chooses both, from the images that `references` gives; `spot_noise` is the usual
start, `shifted_copies` that of regular textures, `fine_details` what is added later.
"""
