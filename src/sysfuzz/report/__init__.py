"""Findings for people and for CI systems: text, JSON, SARIF, JUnit XML, and one HTML file."""

from sysfuzz.report.contents import Explain, Item, Report, Unexplained, gather
from sysfuzz.report.formats import FORMATS

__all__ = ["FORMATS", "Explain", "Item", "Report", "Unexplained", "gather"]
