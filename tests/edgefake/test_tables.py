"""Tables that line up, and that what stands in a cell cannot break."""

from __future__ import annotations

from edgefake.tables import markdown_table, text_row, text_table


def test_columns_line_up_and_lines_end_with_their_text() -> None:
    rows = [("name", "size", "path"), ("a", 12.5, "-"), ("longer name", 3, "x\ny")]
    assert text_table(rows) == ["name         size  path", "a            12.5  -", "longer name  3     x\\x0ay"]


def test_a_row_by_itself_keeps_its_columns() -> None:
    columns = ("<6", ">5", "")
    assert [text_row(row, columns) for row in (("fake", "0.9", "a\x1b.jpg"), ("no face", "-", "b"))] == [
        "fake      0.9  a\\x1b.jpg",
        "no face      -  b",
    ]


def test_markdown_lines_up_too_and_bars_in_cells_are_no_columns() -> None:
    assert markdown_table(("what", "|Δ|"), iter([("a|b\nc", 1), ("d", None)])) == [
        r"| what      | \|Δ\| |",
        r"|-----------|-------|",
        r"| a\|b\x0ac | 1     |",
        r"| d         | None  |",
    ]


def test_a_table_without_rows_is_its_heading() -> None:
    assert markdown_table(("a", "bc"), []) == ["| a | bc |", "|---|----|"]
