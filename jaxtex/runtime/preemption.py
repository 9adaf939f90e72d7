"""Signals that ask a run to stop: it saves its state and exits, and the same command resumes.

A thread listens, woken by Python's signal handler in C, also while a compiler or a long step keeps
Python waiting. It only records the signal: between two steps the loop asks for it, saves and exits.
If nobody asks within `GRACE` seconds, the thread ends the process; the last checkpoint stays.

This module imports only the standard library, so that a command can install it before it loads JAX.
"""

import os
import signal
import sys
import threading
from typing import NoReturn

EXIT_STATUS = 75  # EX_TEMPFAIL of sysexits.h: start the same command again
GRACE = 3.0  # seconds
SIGNALS = (signal.SIGTERM, signal.SIGINT, *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else []))
RESUMES = "the same command without --overwrite resumes"
MESSAGE = f"stopped by a signal; checkpoints are kept, and {RESUMES}"

_received: list[int] = []
_asked = threading.Event()


def install() -> None:
    """Installs the handlers. Call it once, in the main thread.

    Signals that are ignored, as under nohup, stay ignored.
    """
    receiving, sending = os.pipe()
    os.set_blocking(sending, False)
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: None)
    signal.set_wakeup_fd(sending, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(receiving,), daemon=True).start()


def forward_to_jax() -> None:
    """Turns all signals into SIGTERM, which JAX handles when it connects several processes."""
    for number in SIGNALS:
        if number != signal.SIGTERM and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
    signal.set_wakeup_fd(-1)


def ignore_signals() -> None:
    """Ignores all signals from here on: the work is done, and the process is about to end."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def requested() -> bool:
    """Returns True if a signal was received. The caller must then save and exit."""
    if _received:
        _asked.set()
    return bool(_received)


def exit_preempted(text: str) -> NoReturn:
    """Prints a line and ends the process with `EXIT_STATUS`.

    After a signal it ends at once, without waiting for threads that compile.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(2, f"{text}\n".encode())
    if _received:
        os._exit(EXIT_STATUS)
    sys.exit(EXIT_STATUS)  # one of several processes has to disconnect from the others


def _watch(receiving: int) -> None:
    """Records signals; a second Ctrl-C ends the process at once."""
    while True:
        for number in os.read(receiving, 64):
            if number == signal.SIGINT and number in _received:
                exit_preempted(f"jaxtex: {MESSAGE}")
            if number in SIGNALS and not _received:
                threading.Thread(target=_exit_after_grace, daemon=True).start()
            if number in SIGNALS:
                _received.append(number)


def _exit_after_grace() -> None:
    """Ends the process if nobody has asked for the signal in time."""
    if not _asked.wait(GRACE):
        exit_preempted(f"jaxtex: {MESSAGE}")
