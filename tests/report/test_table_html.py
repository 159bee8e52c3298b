from html.parser import HTMLParser

from deepsphere.report.table_html import html

HOSTILE = "<script>alert('1')</script> & \"co\""


class Reader(HTMLParser):
    """Collects the text of each row's cells, all tags, and the texts that are marked strong."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells, self.strong, self.open = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.cells[-1][-1] += data
        if "strong" in self.open:
            self.strong.append(data)


def test_every_row_has_its_values_with_the_published_ones_in_parentheses(metrics):
    found = Reader(html(metrics))
    assert found.open == []
    row = next(cells for cells in found.cells if cells[0].startswith("p0"))
    assert row[1:] == [
        "published",
        "15,901",
        "10.0 ± 1.0(10.88)",
        "2.00 ± 0.10(2.42)",
        "",
        "0.850 ± 0.020",
        "",
    ]


def test_published_baselines_have_parentheses_and_footnotes_too(printed):
    text = html(printed)
    found = {cells[0].split("not computed")[0]: cells[1:] for cells in Reader(text).cells}
    assert found["guess2"] == ["", "", "(20.5)", "", "", "", ""]
    row = next(cells for name, cells in found.items() if name.startswith("persistence1"))
    assert row == ["", "0", "9.000(9.2)", "2.000", "", "0.9000", ""]
    assert "<li>Report; a single run</li><li>Report</li>" in text


def test_every_row_is_as_wide_as_the_head(metrics):
    found = Reader(html(metrics))
    task_heads = [cells for cells in found.cells if "samples:" in cells[0]]
    assert len(task_heads) == 2
    assert {len(cells) for cells in found.cells if cells not in task_heads} == {8}
    assert {len(cells) for cells in task_heads} == {8 - 2}


def test_the_best_values_are_strong(metrics):
    assert sorted(Reader(html(metrics)).strong) == [
        "0.950 ± 0.010",
        "2.00 ± 0.10",
        "2.000",
        "8.00 ± 0.50",
    ]


def test_footnotes_are_numbered_where_they_are_needed(metrics):
    text = html(metrics)
    assert "<code>p0</code><sup>1</sup>" in text
    assert "<code>p4</code><sup>2</sup>" in text
    assert "<code>p9</code><sup>1</sup>" in text
    assert "<li>Paper</li><li>Thesis; other tables differ</li>" in text


def test_no_text_of_the_input_becomes_markup(metrics):
    harmless = Reader(html(metrics)).tags
    metrics["tasks"]["temperature"]["title"] = HOSTILE
    metrics["tasks"]["temperature"]["unit"] = HOSTILE
    metrics["tasks"]["temperature"]["baselines"]["persistence"]["description"] = HOSTILE
    variant = metrics["variants"]["p4"]
    variant.update(title=HOSTILE, protocol=HOSTILE)
    variant["published"].update(source=HOSTILE, note=HOSTILE)
    found = Reader(html(metrics))
    assert found.tags == harmless
    assert any(HOSTILE in cell for cells in found.cells for cell in cells)
