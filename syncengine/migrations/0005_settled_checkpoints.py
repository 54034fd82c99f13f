from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('syncengine', '0004_what_people_decide'),
    ]

    operations = [
        migrations.AddField(
            model_name='stream',
            name='read_by',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='stream',
            name='trail',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.AddField(
            model_name='stream',
            name='settled_cursor',
            field=models.TextField(blank=True, verbose_name='settled checkpoint'),
        ),
        migrations.AddField(
            model_name='stream',
            name='settled_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='last settled read'),
        ),
    ]
