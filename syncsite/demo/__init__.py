"""The demo: two systems of other makers, full of invented people, and a workspace that keeps them in step.

Reading order: `people` (who there is), `book` (Radicale, CardDAV), `sales` (a PostgreSQL database), `setup`
(the workspace), `edits` (a few changes on both sides), `check` (are both in step? read from them directly).
"""

SLUG = "northwind"
"""Address of the demo's workspace."""
OWNER = "owner@demo.example"
