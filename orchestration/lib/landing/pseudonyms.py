"""Replace identifiers by a keyed hash, so that nobody can be recognised or followed.

HMAC-SHA256 (RFC 2104) over wave and value: the same login in two waves gives two pseudonyms,
because respondents were promised that waves are not linked by person.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from orchestration.lib.landing.errors import DeliveryError
from orchestration.lib.settings import Settings

# No secret: synthetic deliveries hold no persons, and their pseudonyms may be reproducible.
SYNTHETIC_KEY = b"synthetic deliveries only"


def pseudonymiser(wave_id: str, key: bytes) -> Callable[[str | None], str | None]:
    """A function from an identifier to its pseudonym within the wave: 64 hexadecimal digits.

    A blank stays unknown: one pseudonym for all blanks would make them one respondent.
    """
    prefix = f"{wave_id}|".encode()

    def pseudonymise(value: str | None) -> str | None:
        if value is None or not value.strip():
            return None
        return hmac.new(key, prefix + value.strip().encode(), hashlib.sha256).hexdigest()

    return pseudonymise


def key_for(settings: Settings, *, is_synthetic: bool, file_name: str) -> bytes:
    """The key of the pseudonyms.

    Raises:
        DeliveryError: a real delivery, and no key is set.
    """
    if settings.pseudonym_key is not None:
        return settings.pseudonym_key.get_secret_value().encode()
    if is_synthetic:
        return SYNTHETIC_KEY
    raise DeliveryError(
        f"{file_name}: is not marked synthetic, and without a key its identifiers cannot be "
        "pseudonymised. Set MONITOR_PSEUDONYM_KEY (at least 16 characters, kept outside this "
        "project), or say `synthetic: true` in delivery.yml when no real person answered."
    )
