"""Web pages and animations of runs: the HTML report, the live page, GIF, WebP and MP4."""
