"""A study as a page: the report in one file, and what a live page is made of."""

from hpopt.reports.page.document import Section, document
from hpopt.reports.page.one_file import page, report
from hpopt.reports.page.packing import packed_study

__all__ = ["Section", "document", "packed_study", "page", "report"]
