"""Experiments: files that declare runs, with a sheet and a table of all results."""
