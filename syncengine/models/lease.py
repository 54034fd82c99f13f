"""Who may write: one holder a name, with an epoch that fences a stale worker (rule 10.5)."""

from __future__ import annotations

from django.db import models


class Lease(models.Model):
    name = models.CharField(max_length=60, primary_key=True)
    epoch = models.BigIntegerField(default=0)
    """Grows with each new holder: what an older one stores is refused."""
    holder = models.CharField(max_length=80, blank=True)
    until = models.DateTimeField()
    deaths = models.PositiveSmallIntegerField(default=0)
    """Holders that died one after another with nothing achieved: what kills its worker must not come back for ever."""
    wanted = models.BooleanField(default=False)
    """Somebody else asked for it while it was held: a holder who goes on in slices lets them in between."""

    def __str__(self) -> str:
        return f"{self.name} #{self.epoch}"
