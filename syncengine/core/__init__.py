"""All the judgement, and nothing else: no Django, no network, no clock, no chance.

Reading order: `values` (when two values are the same), `mapping` (what a person chose), `compat` (which fields
may be paired), `lens` (what a mapping carries of a record) with `transforms`, `merge` (who wins), `match` (which
records are the same thing), `filters` and `scope` (what stays out) with `history`, `rules` (a sync's settings made
ready), `plan` (all of it, for one link), `baselines` (what is remembered), `former` (mappings that were changed),
`flips` (fields that two sides write by turns), `suggest` (pairs of options), `topology` (no rings).
"""
