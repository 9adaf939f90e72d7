#!/usr/bin/env bash
# Runs a command where there is a Chromium, which is installed if need be.
#
#     tests/browser.sh python -m pytest -rs tests/browser_test.py
set -euo pipefail

leave() { echo "browser.sh: $1" >&2; exit 2; }
[ $# -gt 0 ] || leave "a command, please: tests/browser.sh COMMAND..."
if ! type chromium >/dev/null 2>&1 && ! type chromium-browser >/dev/null 2>&1 && ! type google-chrome >/dev/null 2>&1; then
    command -v apt-get >/dev/null || leave "there is no Chromium, and no apt-get that could install it"
    [ "$(id -u)" = 0 ] || leave "there is no Chromium, and only root could install it: sudo make browser-test"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
        leave "Chromium could not be installed by apt-get"
fi
exec "$@"
