from tests.apps_in_memory import apps

from .dav_servers import meddler, radicale, xandikos

__all__ = ["apps", "meddler", "radicale", "xandikos"]
