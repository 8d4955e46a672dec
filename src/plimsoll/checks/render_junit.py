"""The report as JUnit's XML, which build servers show as tests."""

import re
import xml.etree.ElementTree as ET

from plimsoll.checks.runner import Report, Result
from plimsoll.checks.verdict import CouldNot, Found, NotApplicable, Passed

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 has no way to write (section 2.2)."""


def render_junit(report: Report) -> str:
    """One test suite. A finding at or above the level is a failure; not knowing what matters is an error; the rest of
    what did not pass is skipped, with its words."""
    cases = [_case(result, report) for result in report.results]
    suite = ET.Element("testsuite", name=f"plimsoll check --stage {report.stage}", tests=str(len(cases)))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(case.find(tag) is not None for case in cases)))
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _clean(report.last_line)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _case(result: Result, report: Report) -> ET.Element:
    check, verdict = result.check, result.verdict
    case = ET.Element("testcase", classname=f"plimsoll.{report.stage}", name=_clean(f"{check.id} {check.title}"))
    if result.suppressed is not None:
        _add(case, "skipped", f"suppressed until {result.suppressed.until}: {result.suppressed.reason}", "")
        return case
    match verdict:
        case Passed(evidence):
            ET.SubElement(case, "system-out").text = _clean(evidence)
        case NotApplicable(why):
            _add(case, "skipped", f"not applicable: {why}", "")
        case CouldNot(why, fix):
            _add(case, "error" if result in report.unknown_that_matter else "skipped", f"could not check: {why}", fix)
        case Found(evidence, fix, changes):
            texts = [
                f"found: {evidence}",
                f"means: {check.meaning}",
                f"do: {fix}",
                *(change.text for change in changes),
            ]
            failing = result in report.failing
            level = result.level.name.lower()
            _add(case, "failure" if failing else "skipped", f"{level}: {check.title}", "\n".join(texts))
    return case


def _add(case: ET.Element, tag: str, message: str, text: str) -> None:
    ET.SubElement(case, tag, message=_clean(message)).text = _clean(text)


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
