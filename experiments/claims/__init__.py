"""Claims of docs/theory.md, which `experiments/theory.py` checks."""
