"""Credentials at rest: AES-256-GCM under keys from the environment, bound to the place that they are kept in.

A sealed text is ``v1.<key id>.<base64 of nonce and ciphertext>``. The binding (workspace, purpose, owner)
is authenticated with it: moved to another row or another workspace, it does not open.
`settings.SYNCSITE_KEYS` lists the keys, each 32 random bytes in URL-safe base64: the first one seals, all of
them open, so that a new key is put in front and `manage.py rotate_keys` seals everything anew.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

KEY_BYTES = 32
NONCE_BYTES = 12
VERSION = "v1"


class VaultError(Exception):
    """What is sealed cannot be opened. The message never holds any part of it."""


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a secret belongs: nowhere else does it open."""

    workspace: str
    """Name of the workspace's schema."""
    purpose: str
    owner: int

    def as_bytes(self) -> bytes:
        return json.dumps([self.workspace, self.purpose, self.owner]).encode()


class Vault:
    """Seals and opens secrets with some keys. Knows nothing of the database."""

    def __init__(self, keys: Sequence[str]) -> None:
        """Raises VaultError where there is no key, or one is not 32 bytes in URL-safe base64."""
        if not keys:
            raise VaultError("SYNCSITE_KEYS is empty: credentials cannot be kept without a key.")
        materials = [_material(key, position=position) for position, key in enumerate(keys, start=1)]
        self._ciphers = {_key_id(material): _cipher(material) for material in materials}
        self._current = _key_id(materials[0])

    def seal(self, values: Mapping[str, str], binding: Binding) -> str:
        nonce = os.urandom(NONCE_BYTES)
        plain = json.dumps(dict(values)).encode()
        sealed = nonce + self._ciphers[self._current].encrypt(nonce, plain, binding.as_bytes())
        return f"{VERSION}.{self._current}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, binding: Binding) -> dict[str, str]:
        """Raises VaultError: no such key, altered, or sealed for another place."""
        version, _, rest = sealed.partition(".")
        key_id, _, body = rest.partition(".")
        if version != VERSION:
            raise VaultError("The secret is not in a form that this version knows.")
        if key_id not in self._ciphers:
            raise VaultError(f"The key {key_id} that sealed the secret is not among SYNCSITE_KEYS.")
        try:
            raw = base64.urlsafe_b64decode(body)
            plain = self._ciphers[key_id].decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], binding.as_bytes())
        except (InvalidTag, ValueError) as error:
            raise VaultError("The secret was altered, or belongs to another account.") from error
        values: dict[str, str] = json.loads(plain)
        return values

    def is_current(self, sealed: str) -> bool:
        """Whether the newest key sealed it."""
        return sealed.startswith(f"{VERSION}.{self._current}.")


def vault() -> Vault:
    """The vault with the keys of this site. Raises VaultError."""
    return Vault(settings.SYNCSITE_KEYS)


def generate_key() -> str:
    """A new key, as `SYNCSITE_KEYS` takes it."""
    return base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode()


def _material(key: str, *, position: int) -> bytes:
    try:
        material = base64.urlsafe_b64decode(key)
    except (binascii.Error, ValueError):
        material = b""
    if len(material) != KEY_BYTES:
        raise VaultError(f"Key {position} of SYNCSITE_KEYS is not {KEY_BYTES} bytes in URL-safe base64.")
    return material


def _key_id(material: bytes) -> str:
    return hashlib.sha256(b"syncsite key id" + material).hexdigest()[:8]


def _cipher(material: bytes) -> AESGCM:
    """A key of its own for the vault: the same material may serve something else of the site."""
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"syncsite vault v1").derive(material)
    return AESGCM(derived)
