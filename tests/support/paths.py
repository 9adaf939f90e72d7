"""Folders that tests read from."""

import pathlib

ROOT = pathlib.Path(__file__).parent.parent.parent
SHARED = ROOT.parent / "shared"
