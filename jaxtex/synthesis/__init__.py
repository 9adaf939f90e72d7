"""One synthesis: its `Config`, the plan made from it, the step and the loop."""
