"""The plans that a new site starts with, and the table of the cache."""

from django.core.management import call_command
from django.db import migrations

from tenants.plans import ensure_plans


def make_plans(apps, schema_editor):
    ensure_plans(apps.get_model("tenants", "Plan"))


def make_cache_table(apps, schema_editor):
    call_command("createcachetable", database=schema_editor.connection.alias, verbosity=0)


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.RunPython(make_plans, migrations.RunPython.noop),
        migrations.RunPython(make_cache_table, migrations.RunPython.noop),
    ]
