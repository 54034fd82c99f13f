"""Brings database and static files up to this version of the code: `python -m syncsite.prepare`.

Safe to run again, and to break off. Processes of the old version should be stopped meanwhile.
"""

from __future__ import annotations

import os
import sys

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncsite.settings")
    django.setup()
    from tenants import schemas
    from tenants.checks import refuse_transaction_pooler

    try:
        refuse_transaction_pooler()
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr)
        return 1
    call_command("migrate_schemas", shared=True, interactive=False, verbosity=1)
    schemas.bring_up()
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
