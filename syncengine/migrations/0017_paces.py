from django.db import migrations, models


def forget_intervals(apps, schema_editor):
    """Nobody could set one so far: all held what was the default."""
    apps.get_model("syncengine", "Sync").objects.update(interval=None)


class Migration(migrations.Migration):
    dependencies = [("syncengine", "0016_glances")]

    operations = [
        migrations.AddField("stream", "changed_at", models.DateTimeField("last change", blank=True, null=True)),
        migrations.AddField("stream", "noticed_at", models.DateTimeField("last notice", blank=True, null=True)),
        migrations.AddField("stream", "pass_pages", models.PositiveIntegerField(db_default=1, default=1)),
        migrations.AddField("stream", "pass_seconds", models.PositiveIntegerField(db_default=0, default=0)),
        migrations.AddField("stream", "pace", models.JSONField("pace", blank=True, default=dict)),
        migrations.AlterField(
            "sync", "interval", models.PositiveIntegerField("seconds between two reads", blank=True, null=True)
        ),
        migrations.RunPython(forget_intervals, migrations.RunPython.noop),
    ]
