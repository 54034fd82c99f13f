from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0005_looks_without_trace")]

    operations = [
        migrations.AddField(
            "due", "is_long", models.BooleanField("long work", db_default=False, default=False)
        ),
    ]
