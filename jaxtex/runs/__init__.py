"""A run and its folder; many runs: experiments, sweeps, and frames of a video.

`execution` makes one run, `batch_execution` several at once: `writer` writes the files of
`run_folder`, `progress` shows the progress bar, `provenance` records what went in. `experiments`
are files that declare runs; `sweeps` are grids of flags, made by `workers` or `slurm`; `frames` are
the runs of a sequence. `records` and `sources` read finished runs; `results` and `tables` compare
them.
"""
