"""The report of a case: one page, one table, one JSON file."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

from forensics.core.files import write_json, write_text
from forensics.core.outputs import hold_folder
from forensics.examiner.case.custody import verify
from forensics.examiner.case.log import Log, read_log
from forensics.report.page import render, signed

_COLUMNS = ("name", "sha256", "n_bytes", "added_utc", "verdict", "log10_lr", "reasons", "detector", "n_faces")


def write_report(case: Path, out: Path) -> list[Path]:
    """Write report.html, findings.csv and case.json to `out`; gives their paths.

    The page opens with whether the case verifies. A case with faults is reported too, and says so.
    """
    log, verification = read_log(case), verify(case)
    rows = _rows(log)
    with hold_folder(out):
        page, table, whole = out / "report.html", out / "findings.csv", out / "case.json"
        write_text(page, _page(log, rows, verification.problems))
        write_text(table, _csv(rows))
        facts = {"problems": list(verification.problems), "head": log.head, "files": rows}
        write_json(whole, facts | {"entries": [vars(entry) for entry in log.entries]})
    return [page, table, whole]


def _rows(log: Log) -> list[dict[str, Any]]:
    """One for each file, with its last finding."""
    findings = {entry.body["sha256"]: entry.body for entry in log.of_kind("finding")}
    rows = []
    for entry in log.of_kind("file"):
        file = entry.body
        body = findings.get(file["sha256"], {})
        finding = body.get("finding") or {}
        reasons = finding.get("reasons") or ([body["error"]] if body.get("error") else [])
        values = (
            file["name"], file["sha256"], file["n_bytes"], entry.time_utc,
            finding.get("verdict", "not examined"),
            # A ratio outside what it was validated on would be read as one all the same.
            None if reasons else finding.get("log10_lr"),
            list(reasons), body.get("detector"), None if not finding else len(finding.get("faces") or ()),
        )  # fmt: skip
        rows.append(dict(zip(_COLUMNS, values, strict=True)))
    return rows


def _csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        name = row["name"]
        # A spreadsheet would run a name that begins like a formula.
        safe = f"'{name}" if name[:1] in ("=", "+", "-", "@", "\t", "\r") else name
        writer.writerow({**row, "name": safe, "reasons": "; ".join(row["reasons"])})
    return text.getvalue()


def _page(log: Log, rows: list[dict[str, Any]], problems: tuple[str, ...]) -> str:
    counts = Counter(row["verdict"] for row in rows)
    words = ", ".join(f"{n} {word}" for word, n in sorted(counts.items())) or "none yet"
    state = "the log and every file are as they were written" if not problems else "THE CASE WAS ALTERED"
    opened = log.entries[0].body if log.entries else {}
    context = {
        "title": f"Case {opened.get('case_number', '')}: {len(rows)} files, {words}; {state}",
        "opened": opened,
        "opened_utc": log.entries[0].time_utc if log.entries else "",
        "problems": problems,
        "rows": [
            {**row, "ratio": "–" if row["log10_lr"] is None else signed(row["log10_lr"])} for row in rows
        ],
        "notes": [(entry.time_utc, entry.body.get("text", "")) for entry in log.of_kind("note")],
        "entries": log.entries,
        "records": _records(log),
        "head": log.head,
        "public_key": log.public_key,
    }
    return render("case.html", context)


def _records(log: Log) -> list[tuple[str, str]]:
    """What is needed to repeat the findings: each call and set of versions once."""
    lines: dict[tuple[str, str], None] = {}
    for entry in log.of_kind("finding"):
        record = entry.body.get("evidence") or {}
        for name in ("call", "inputs", "options", "versions", "machine"):
            lines[(name, str(record.get(name)))] = None
    return list(lines)
