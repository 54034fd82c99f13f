"""The site as an ASGI application, for those whose host wants one. Views run in threads."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncsite.settings")

application = get_asgi_application()
