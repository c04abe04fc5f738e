"""What is said to the sender of a delivery that cannot be taken."""

from __future__ import annotations


class DeliveryError(Exception):
    """A delivery is refused as a whole; the message says what, where and what to do."""
