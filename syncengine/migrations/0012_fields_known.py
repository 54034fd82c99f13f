from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('syncengine', '0011_associations_that_wait'),
    ]

    operations = [
        migrations.AddField(
            model_name='stream',
            name='fields_known',
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
