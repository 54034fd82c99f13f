from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('connectors', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='accountevent',
            name='action',
            field=models.CharField(choices=[('connected', 'Connected'), ('reconnected', 'Reconnected'), ('disconnected', 'Disconnected'), ('renamed', 'Renamed'), ('home', 'Made the home account'), ('meaning', 'Object described'), ('state', 'State changed'), ('schema', 'Objects or fields changed')], max_length=16, verbose_name='action'),
        ),
    ]
