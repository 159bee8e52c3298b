from base64 import b64encode
from html.parser import HTMLParser

from deepsphere.report.page import Section, page
from deepsphere.report.picture import Picture
from deepsphere.report.style import new_figure

HOSTILE = "<script>alert('1')</script>\"><b>"
VOID = {"meta", "img"}


class Reader(HTMLParser):
    """Checks that tags are closed in order, and collects them with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def section(title="Weather", simulated=False):
    shown = Picture.of(new_figure(1, 1), "shown", title, featured=True)
    kept = Picture("kept", b"never shown", title, featured=False)
    return Section(
        name="ghcn",
        title=title,
        simulated=simulated,
        table="<table></table>",
        metrics=("mse", "accuracy"),
        tasks=((title, (shown, kept)),),
        origins=((title, "ab" * 32),),
    )


def test_featured_pictures_are_inside_and_others_are_not():
    weather = section()
    found = Reader(page([weather]))
    images = [attributes for tag, attributes in found.tags if tag == "img"]
    png = b64encode(weather.tasks[0][1][0].image).decode()
    assert images == [{"src": f"data:image/png;base64,{png}", "alt": "Weather"}]


def test_the_page_needs_nothing_from_outside():
    found = Reader(page([section()]))
    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "link", "iframe", "object"})
    targets = [
        value
        for _, attributes in found.tags
        for name, value in attributes.items()
        if name in ("src", "href")
    ]
    assert len(targets) == 2
    assert all(target.startswith(("data:image/png;base64,", "#")) for target in targets)
    assert "url(" not in page([section()])
    assert "@import" not in page([section()])


def test_links_lead_to_sections():
    tags = Reader(page([section()])).tags
    links = {attributes["href"] for tag, attributes in tags if tag == "a"}
    sections = {"#" + attributes["id"] for tag, attributes in tags if tag == "section"}
    assert links == sections == {"#ghcn"}


def test_hostile_text_stays_text():
    harmless, hostile = page([section()]), page([section(HOSTILE)])
    assert [tag for tag, _ in Reader(hostile).tags] == [tag for tag, _ in Reader(harmless).tags]
    assert "<script" not in hostile


def test_the_page_explains_protocols_and_origins():
    text = page([section()])
    assert "Protocol <b>published</b>" in text
    assert "Protocol <b>sound</b>" in text
    assert "Where these numbers come from" in text
    assert "ab" * 32 in text


def test_the_page_explains_the_metrics_of_its_tables_and_no_others():
    text = page([section()])
    assert "mean squared error" in text
    assert "share of the samples whose class is found" in text
    assert "explained variance" not in text


def test_simulated_data_are_said_to_be_simulated():
    assert 'class="warning"' in page([section(simulated=True)])
    assert 'class="warning"' not in page([section()])


def test_a_page_without_experiments_is_a_page():
    assert Reader(page([])).tags[0][0] == "html"
