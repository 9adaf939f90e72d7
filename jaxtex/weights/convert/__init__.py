"""Conversion of published VGG checkpoints to weight files.

The steps, each in its own module:

1. `catalog` lists the published files; `download` fetches one and compares its length and hash.
2. `recognition` finds the format from the first bytes and the network from the kernels' shapes.
3. The reader of the format (`state_dicts`, `pickles`, `onnx_graphs`, `keras`) returns convolutions
   and batch norms as a `tensors.Checkpoint`. Values stay in the file until they are needed.
   `opcodes` parses the pickles in PyTorch's files.
4. `conversion` brings the tensors into one layout, as `weights.Weights`, for `weights.save`.
5. `verify` compares activations with golden values that another framework computed.

Files are read as data. No reader unpickles, follows links to other files, or runs anything that a
file contains.
"""
