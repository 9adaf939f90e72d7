"""Published checkpoints of VGG networks, in every format, to the weights that jaxtex runs with."""
