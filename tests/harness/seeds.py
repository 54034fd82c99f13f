"""Seeds that found a fault of the engine, kept so that it never comes back. The first line of each says what it was."""

from __future__ import annotations

ENGINE: dict[int, str] = {
    4: "A value never filled a blank that the app does not return.",
    19: "An app that sorts its lists was written to for ever: its own order was taken for a refusal.",
    17: "The same, three apps in a row.",
}

PLANNER: dict[int, str] = {}
