"""The registration policies, by name."""

from __future__ import annotations

from simharness.managers.positions.policies.base import RegistrationPolicy
from simharness.managers.positions.policies.buffer_then_apply import PENDING_ID, BufferThenApply
from simharness.managers.positions.policies.buffer_wrong_key import BufferWrongKey
from simharness.managers.positions.policies.drop_unknown import DropUnknown
from simharness.managers.positions.policies.versioned_intent import OpenIntent, VersionedIntent

POLICIES: dict[str, type[RegistrationPolicy]] = {
    policy.name: policy for policy in (DropUnknown, BufferThenApply, BufferWrongKey, VersionedIntent)
}

__all__ = [
    "PENDING_ID",
    "POLICIES",
    "BufferThenApply",
    "BufferWrongKey",
    "DropUnknown",
    "OpenIntent",
    "RegistrationPolicy",
    "VersionedIntent",
]
