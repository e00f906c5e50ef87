"""A certificate for humans and for machines: what was explored, under which assumptions, with which checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from rich.text import Text

from simharness.core.verdict import Certificate, Verdict
from simharness.report import layout
from simharness.report.table import verdict_word

_LABEL = 14


def certificate_dict(certificate: Certificate) -> dict[str, Any]:
    """Return the certificate for ``--json``: only texts, numbers, lists and dicts, keys of dicts sorted."""
    plain = asdict(certificate)
    return {key: _plain(value) for key, value in plain.items()}


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        # Sorted: versions and checks are filled by many hands, in any order.
        return {str(key): _plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, set | frozenset):
        return sorted(str(item) for item in value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def certificate_text(certificate: Certificate, verdict: Verdict, *, width: int = 100, ascii_only: bool = False) -> Text:
    """Return what the certificate says, in sentences; the holes last, and said even if there are none.

    Args:
        certificate: what was proven and under what.
        verdict: the claim that it supports.
        width: columns to fill.
        ascii_only: use no character beyond ASCII.
    """
    lines = [Text(verdict_word(verdict, ascii_only=ascii_only), "bold")]
    entries = [
        ("explored", [_explored(certificate)]),
        ("search", [_search(certificate)]),
        ("semantics", [f"{certificate.semantics}, latency {certificate.latency}, horizon {certificate.horizon}"]),
        ("faults", ["none" if certificate.faults == 0 else f"at most {certificate.faults} in an execution"]),
        ("dependence", [certificate.dependence]),
        ("database", [certificate.database]),
        ("bounds", list(certificate.bounds) or ["none: the search ended by itself"]),
        ("assumes", list(certificate.assumptions) or ["nothing beyond the lines above"]),
        ("checked", [f"{key}: {_said(value)}" for key, value in sorted(certificate.checks.items())] or ["nothing"]),
        ("holes", list(certificate.holes) or ["none known"]),
        ("versions", [_versions(certificate.versions)]),
    ]
    for label, sentences in entries:
        lines.extend(_entry(label, sentences, width, ascii_only))
    return layout.join(lines)


def _explored(certificate: Certificate) -> str:
    number = f"{certificate.traces:,}"
    noun = "interleaving" if certificate.traces == 1 else "interleavings"
    if certificate.exhausted:
        return f"all {number} {noun}, each once up to the order of independent steps"
    return f"{number} {noun}; there may be more"


def _search(certificate: Certificate) -> str:
    text = f"{certificate.strategy}, {certificate.executions:,} executions"
    return f"{text} ({certificate.blocked:,} blocked, {certificate.duplicates:,} repeated)"


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(value[key])}" for key in sorted(value, key=str))
    return f"{value:,}" if isinstance(value, int) else str(value)


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{key} {versions[key]}" for key in sorted(versions)) or "not recorded"


def _entry(label: str, sentences: Iterable[str], width: int, ascii_only: bool) -> list[Text]:
    wrapped: list[str] = []
    for sentence in sentences:
        wrapped.extend(layout.wrap(layout.clean(sentence, ascii_only=ascii_only), width - _LABEL))
    return layout.labelled(label, wrapped, label_width=_LABEL)
