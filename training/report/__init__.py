"""The evaluation report: a folder with ``report.md`` for people, ``report.json`` for programs, and plots."""
