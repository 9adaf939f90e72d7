"""`python -m jaxtex`."""

from jaxtex import main

main.entry()
