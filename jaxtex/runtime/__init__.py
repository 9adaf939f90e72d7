"""The machine: files, XLA options, devices, memory, processes and signals.

This file stays empty: a command installs its signal handlers (`preemption`) before it loads JAX.
"""
