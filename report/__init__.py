"""The public report: static pages in Dutch and English, from a release alone."""

from report.notice import mark_current, mark_superseded
from report.render import ReportSummary, build

__all__ = ["ReportSummary", "build", "mark_current", "mark_superseded"]
