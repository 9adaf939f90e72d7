"""Folders that tests read from."""

import pathlib

ROOT = pathlib.Path(__file__).parent.parent.parent  # of the repository
SHARED = ROOT.parent / "shared"  # optional files beside the repository; tests skip without them
