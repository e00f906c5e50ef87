"""What a human reads: the verdict table, the timeline of a counterexample, the certificate, progress lines.

Everything here takes finished values of ``core`` and returns :class:`rich.text.Text` or ``str``; nothing prints. Print
with :func:`simharness.report.layout.emit`, which keeps rich from reading ``[order]`` as markup and from breaking
``path:123`` in two.
"""
