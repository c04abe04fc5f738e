"""The public report: static pages in Dutch and English, from a release alone."""

from report.render import ReportSummary, build
from report.notice import mark_current, mark_superseded

__all__ = ["ReportSummary", "build", "mark_current", "mark_superseded"]
