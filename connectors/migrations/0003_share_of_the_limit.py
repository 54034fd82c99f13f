from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('connectors', '0002_events_of_fields'),
    ]

    operations = [
        migrations.AddField(
            model_name='ratebudget',
            name='share',
            field=models.FloatField(db_default=1.0),
        ),
        migrations.AddField(
            model_name='ratebudget',
            name='slowed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
