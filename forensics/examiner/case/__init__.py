"""A case: files with their chain of custody in a signed log that only grows, findings, notes, and a report."""
