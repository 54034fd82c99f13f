from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('connectors', '0004_digest_of_objects'),
    ]

    operations = [
        migrations.AddField(
            model_name='ratebudget',
            name='sent',
            field=models.JSONField(blank=True, db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.AddField(
            model_name='ratebudget',
            name='day_left',
            field=models.IntegerField(blank=True, null=True, verbose_name="left of the day's quota"),
        ),
        migrations.AddField(
            model_name='ratebudget',
            name='day_ends',
            field=models.DateTimeField(blank=True, null=True, verbose_name='day ends'),
        ),
    ]
