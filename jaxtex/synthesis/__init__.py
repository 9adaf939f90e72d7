"""One synthesis, from its choices to its result.

`config` (plain values) -> `settings` (parsed) -> `input_images` (opened) -> `planning` (`scales`,
`objectives`, `starts`) -> `stepping`, `compilation` -> `loop` or `batches`, with
`checkpointing`. `memory_budget` decides strips and rematerialization, `estimates` predicts memory
and time, and `api` is the Python interface.
"""
