"""How much hypothesis looks at: modest by default; SYNCSITE_HYPOTHESIS=thorough for the long run of the tests."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "modest",
    max_examples=60,
    stateful_step_count=20,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("thorough", settings.get_profile("modest"), max_examples=2_000, stateful_step_count=50)
settings.load_profile(os.environ.get("SYNCSITE_HYPOTHESIS", "modest"))
