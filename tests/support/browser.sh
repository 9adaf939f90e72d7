#!/usr/bin/env bash
# Installs Chromium if it is missing, then runs a command.
#
#     tests/support/browser.sh python -m pytest -rs tests/viewer/browser_test.py
set -euo pipefail

fail() { echo "browser.sh: $1" >&2; exit 2; }

has_chromium() {
    for name in chromium chromium-browser google-chrome; do
        if type "$name" >/dev/null 2>&1; then return 0; fi
    done
    return 1
}

[ $# -gt 0 ] || fail "expected a command: tests/support/browser.sh COMMAND..."
if ! has_chromium; then
    command -v apt-get >/dev/null || fail "Chromium is missing, and so is apt-get to install it"
    [ "$(id -u)" = 0 ] || fail "Chromium is missing; only root can install it: sudo make browser-test"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null ||
        fail "apt-get could not install Chromium"
fi
exec "$@"
