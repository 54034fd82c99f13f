"""All the judgement, and nothing else: no Django, no network, no clock, no chance.

Reading order: `values` (when two values are the same), `mapping` (what a person chose), `compat` (which fields
may be paired), `lens` (what a mapping carries of a record), `merge` (who wins), `match` (which records are the
same thing), `scope` (what stays out), `rules` (a sync's settings made ready), `plan` (all of it, for one link),
`baselines` (what is remembered), `topology` (no rings).
"""
