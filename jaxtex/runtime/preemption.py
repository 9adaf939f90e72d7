"""Told to leave: a signal is heard at any moment, also while a compiler or a long step keeps Python waiting.

What listens is a thread, woken by Python's signal handler in C. It only notes the signal: the loop asks between two steps
whether one came, saves, and leaves. Where nobody asks for `GRACE` seconds the thread ends the process; what was saved last
is kept. This module imports next to nothing, so that a command can listen before it loads the rest.
"""

import os
import signal
import sys
import threading
from typing import NoReturn

EXIT_STATUS = 75  # the exit status that says: start me again, I go on (EX_TEMPFAIL of sysexits.h)
GRACE = 3.0  # seconds
SIGNALS = (signal.SIGTERM, signal.SIGINT, *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else []))
MESSAGE = "told to leave; what was saved is kept, and the same command goes on from it"

_came: list[int] = []
_heard = threading.Event()


def install() -> None:
    """From now on, in this process; signals that are ignored stay so, as under nohup. From the main thread, once."""
    receiving, sending = os.pipe()
    os.set_blocking(sending, False)
    for each in SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, lambda number, frame: None)
    signal.set_wakeup_fd(sending, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(receiving,), daemon=True).start()


def forward_to_jax() -> None:
    """From now on all signals are SIGTERM, which JAX hears itself where it joins several processes."""
    for each in SIGNALS:
        if each != signal.SIGTERM and signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
    signal.set_wakeup_fd(-1)


def ignore_signals() -> None:
    """What is to be done is done: until the process has ended signals are of no use."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


def requested() -> bool:
    """Whether the process was told to leave; who asks has to see to it."""
    if _came:
        _heard.set()
    return bool(_came)


def exit_preempted(text: str) -> NoReturn:
    """Ends the process, with a line; where it listens at once, without waiting for threads that compile."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(2, f"{text}\n".encode())
    if _came:
        os._exit(EXIT_STATUS)
    sys.exit(EXIT_STATUS)  # one of several processes takes its leave of the others


def _watch(receiving: int) -> None:
    while True:
        for number in os.read(receiving, 64):
            if number == signal.SIGINT and number in _came:
                exit_preempted(f"jaxtex: {MESSAGE}")
            if number in SIGNALS and not _came:
                threading.Thread(target=_be_patient, daemon=True).start()
            if number in SIGNALS:
                _came.append(number)


def _be_patient() -> None:
    if not _heard.wait(GRACE):
        exit_preempted(f"jaxtex: {MESSAGE}")
