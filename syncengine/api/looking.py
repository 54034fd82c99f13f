"""When a sync looks at both sides again, as the API tells it."""

from __future__ import annotations

from rest_framework import serializers

from ..core.pace import PaceReason
from ..looking import LookReason

REASON_CHOICES = [(str(one.value), str(one.value)) for one in (*PaceReason, *LookReason)]


class NextLookSerializer(serializers.Serializer):
    """Made of a `looking.NextLook`."""

    at = serializers.DateTimeField()
    reason = serializers.ChoiceField(choices=REASON_CHOICES)
    because = serializers.CharField(help_text="The reason in words.")
    every = serializers.IntegerField(
        allow_null=True, help_text="Seconds from one look to the next; null for one that is out of turn."
    )
