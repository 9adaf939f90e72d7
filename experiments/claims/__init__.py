"""The claims of docs/theory.md: `experiments/theory.py` checks them all."""
