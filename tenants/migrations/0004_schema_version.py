from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tenants', '0003_preview_required'),
    ]

    operations = [
        migrations.AddField(
            model_name='workspace',
            name='schema_version',
            field=models.CharField(blank=True, db_default='', default='', editable=False, max_length=64),
        ),
    ]
