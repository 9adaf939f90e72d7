"""A run and its folder; many runs: experiments and sweeps.

`execution` makes one run, `batch_execution` several at once: `writer` writes the files of
`run_folder`, `progress` shows the progress bar, `provenance` records what went in. `experiments`
are files that declare runs; `sweeps` are grids of flags, made by `workers` or `slurm`. `records`
and `sources` read finished runs; `results` and `tables` compare them.
"""
