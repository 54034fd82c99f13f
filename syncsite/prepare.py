"""Brings database and static files up to this version of the code: `python -m syncsite.prepare`.

Safe to run again, and to break off. Processes of the old version should be stopped meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m syncsite.prepare", description=__doc__)
    parser.add_argument("--all", action="store_true", help="look at each workspace, even those that seem up to date")
    chosen = parser.parse_args(arguments)
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
    schemas.bring_up(every=chosen.all)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
