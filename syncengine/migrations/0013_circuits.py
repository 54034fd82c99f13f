from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('syncengine', '0012_fields_known'),
    ]

    operations = [
        migrations.AddField(
            model_name='sync',
            name='circuit',
            field=models.JSONField(blank=True, default=dict),
        ),
        migrations.AlterField(
            model_name='sync',
            name='attention',
            field=models.CharField(blank=True, choices=[('sign_in', 'Sign in again'), ('permission', 'Permission lost'), ('object_gone', 'Object or field gone'), ('broken', 'The app answers something unexpected'), ('brake', 'Held by the brake'), ('missing', 'Many records are missing'), ('refused', 'Most of it is refused')], max_length=16, verbose_name='needs attention'),
        ),
    ]
