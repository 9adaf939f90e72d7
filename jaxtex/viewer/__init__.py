"""Web pages and animations of runs: the HTML report, the live page, GIF, WebP and MP4.

The report is one file: `run_view` gathers what it shows of a run (`run_pictures`, `run_tables`,
with `pictures` and `charts`), `report_page` renders it. The live page is served by `server`:
`web_app` answers the requests from `run_status` and `run_updates`. `animations` are made from
snapshots.
"""
