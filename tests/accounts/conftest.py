from tests.apps_in_memory import apps

__all__ = ["apps"]
