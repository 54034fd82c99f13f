"""Seeds that found a fault of the engine, kept so that it never comes back. The first line of each says what it was."""

from __future__ import annotations

ENGINE: dict[tuple[int, str], str] = {
    (4, ""): "A value never filled a blank that the app does not return.",
    (19, ""): "An app that sorts its lists was written to for ever: its own order was taken for a refusal.",
    (17, ""): "The same, three apps in a row.",
    (5, "history"): "What only one side of a list had held before was forgotten once the record took part.",
    (1022, "brake,history,previews"): "What an excluded record was like became a baseline once it was deleted.",
    (3, "filters"): "A filter stood as the reason of a difference, long after there was none.",
    (19, "filters,undo"): "An option that was gone from its app kept every record out whose filter named it.",
    (21006, "undo"): "A creation that was undone and that somebody restored was copied as if it were new.",
    (206, ""): "A creation in doubt that could not be sent again just then was doubted no more, and made twice.",
    (188, ""): "A value that an app never took, and did not tell of, counted as cleared there.",
    (307, "brake,decisions,previews"): "A record was in sync while one of its two changes was held by the brake.",
}
"""(seed, features with commas between) → what it found."""

PLANNER: dict[int, str] = {}
