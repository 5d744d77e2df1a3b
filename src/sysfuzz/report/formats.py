"""The formats by name: each a function from a report to the text of one file.

Same report, same text: there is no clock below, no order that differs from run to run, no name of the machine.
"""

from collections.abc import Callable, Mapping

from sysfuzz.report import as_json, html, junit, sarif, text
from sysfuzz.report.contents import Report

FORMATS: Mapping[str, Callable[[Report], str]] = {
    "text": text.render,
    "json": as_json.render,
    "sarif": sarif.render,
    "junit": junit.render,
    "html": html.render,
}
