"""What people decide about single records: linked, kept apart, created, left out (rules 5.8 and 10.4).

Nothing here writes to an app. A decision changes links, and has them planned again; what follows from it is planned
and carried out like everything else. Each function takes effect as a whole or not at all, and waits for its turn
with the engine's own transactions and with other people's decisions.
"""

from .ambiguous import Answer, answer_ambiguous
from .creating import create_new, leave_out, refuse_creation, reopen
from .doubted import create_once_more, it_was_created, look_again
from .linking import keep_apart, link_records
from .rows import plan_no_more
from .turns import deciding

__all__ = [
    "Answer",
    "answer_ambiguous",
    "create_new",
    "create_once_more",
    "deciding",
    "it_was_created",
    "keep_apart",
    "leave_out",
    "link_records",
    "look_again",
    "plan_no_more",
    "refuse_creation",
    "reopen",
]
