"""The console commands and their flags."""
