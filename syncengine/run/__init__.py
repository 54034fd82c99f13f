"""The shell around the core: what is read, planned and applied is made durable here, and nothing is judged.

Reading order: `runner` (the story of a slice), `lease`, `read`, `planning`, `apply` (and `relay`), `doubt`.
"""
