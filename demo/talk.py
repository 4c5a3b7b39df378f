"""How the demo talks: numbered steps, one moving line while something takes long, tables that fit."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal

LIVELY = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
COLOURED = LIVELY and "NO_COLOR" not in os.environ
# Without a terminal a line every so often says that it still runs.
QUIET_SECONDS = 30


def coloured(code: str, text: str) -> str:
    """`text` in a terminal's colour, or as it is."""
    return f"\x1b[{code}m{text}\x1b[0m" if COLOURED else text


def bold(text: str) -> str:
    """What to look at."""
    return coloured("1", text)


def dim(text: str) -> str:
    """What may be skipped."""
    return coloured("2", text)


def green(text: str) -> str:
    """What is right."""
    return coloured("32", text)


def red(text: str) -> str:
    """What is wrong."""
    return coloured("31", text)


def say(text: str = "") -> None:
    """A line below the step's title."""
    for line in text.split("\n"):
        print(f"  {line}".rstrip(), flush=True)


def clock(seconds: float) -> str:
    """`1:05`"""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Steps:
    """Counts the steps of the story."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._at = 0

    def next(self, title: str) -> None:
        """Starts a step."""
        self._at += 1
        print(f"\n{bold(f'[{self._at}/{self._total}] {title}')}", flush=True)


class Line:
    """One line that is written over while it changes."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._told = self.started
        self._turn = 0

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started

    def show(self, text: str) -> None:
        """Shows how things stand; as often as you like."""
        if LIVELY:
            self._turn += 1
            width = os.get_terminal_size().columns if sys.stdout.isatty() else 100
            text = f"  {'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'[self._turn % 10]} {text} · {clock(self.elapsed)}"
            print(f"\r\x1b[2K{text[: width - 1]}", end="", flush=True)
        elif time.monotonic() - self._told >= QUIET_SECONDS:
            self._told = time.monotonic()
            say(f"{text} · {clock(self.elapsed)}")

    def clear(self) -> None:
        """Takes the line away."""
        if LIVELY:
            print("\r\x1b[2K", end="", flush=True)


@contextmanager
def line() -> Iterator[Line]:
    """A moving line, gone at the end however it ends."""
    moving = Line()
    try:
        yield moving
    finally:
        moving.clear()


def dollars(amount: Decimal) -> str:
    """To the cent, for people; comparisons never use it."""
    return f"{amount:,.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The first column is text, the others are numbers."""
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(len(head))]

    def show(row: Sequence[str]) -> str:
        numbers = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        return "  ".join([row[0].ljust(widths[0]), *numbers])

    say(dim(show(head)))
    for row in rows:
        say(show(row))
