"""What connectors share: HTTP with the manners that apps expect. No Django, no workspace, no clock of ours.

Reading order: `addresses` (where a connector may go), `replies` (what an answer means), `http` (asking).
"""
