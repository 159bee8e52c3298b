"""The page of all results: one HTML file that holds its tables, figures and origins.

It needs nothing but a browser: no network, no script, no file beside it.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from deepsphere.report.picture import Picture
from deepsphere.report.quantities import quantity


@dataclass(frozen=True)
class Section:
    """An experiment on the page.

    Attributes
    ----------
    name, title : str
    simulated : bool
        Whether any of its data were made by a simulator.
    table : str
        Its table as HTML.
    metrics : tuple of str
        The metrics that the table shows.
    tasks : tuple of (str, tuple of Picture)
        Title and pictures of each task; only featured pictures are shown.
    origins : tuple of (str, str)
        What the numbers were made of, and its SHA-256.
    """

    name: str
    title: str
    simulated: bool
    table: str
    metrics: tuple[str, ...]
    tasks: tuple[tuple[str, tuple[Picture, ...]], ...]
    origins: tuple[tuple[str, str], ...]


def page(sections: Sequence[Section]) -> str:
    """Return the page of some experiments.

    Parameters
    ----------
    sections : sequence of Section
        The experiments, in the order of the page.

    Returns
    -------
    str
        A complete HTML document. All text but the tables, which are HTML already, is escaped.
    """
    links = "".join(
        f'<li><a href="#{escape(section.name)}">{escape(section.title)}</a></li>'
        for section in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        # The page promises to load nothing; with this, the browser holds it to that.
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Results</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<header><h1>Results</h1>\n<nav><ul>{links}</ul></nav></header>\n"
        f"<main>\n{_how_to_read(sections)}\n"
        + "\n".join(_section(section) for section in sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _section(section: Section) -> str:
    warning = (
        '<p class="warning">The data of this experiment are simulated: its numbers show that the '
        "software works, and say nothing about the world.</p>\n"
        if section.simulated
        else ""
    )
    tasks = "\n".join(_task(title, pictures) for title, pictures in section.tasks)
    origins = "".join(
        f"<tr><td>{escape(what)}</td><td><code>{escape(digest)}</code></td></tr>"
        for what, digest in section.origins
    )
    return (
        f'<section id="{escape(section.name)}">\n<h2>{escape(section.title)}</h2>\n{warning}'
        f"{section.table}\n{tasks}\n"
        "<details><summary>Where these numbers come from</summary>\n"
        '<div class="table"><table class="origins"><thead><tr><th>what</th><th>SHA-256</th></tr>'
        f"</thead><tbody>{origins}</tbody></table></div></details>\n</section>"
    )


def _task(title: str, pictures: Sequence[Picture]) -> str:
    shown = "\n".join(_picture(picture) for picture in pictures if picture.featured)
    return f'<h3>{escape(title)}</h3>\n<div class="pictures">{shown}</div>'


def _picture(picture: Picture) -> str:
    data = b64encode(picture.image).decode("ascii")
    caption = escape(picture.caption)
    return (
        f'<figure><img src="data:image/{picture.kind};base64,{data}" alt="{caption}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _how_to_read(sections: Sequence[Section]) -> str:
    listed = dict.fromkeys(metric for section in sections for metric in section.metrics)
    metrics = "".join(
        f"<li><b>{escape(shown.label)}</b>: {escape(shown.meaning)}, {shown.better} is better</li>"
        for shown in map(quantity, listed)
    )
    return _HOW_TO_READ.format(metrics=metrics)


_HOW_TO_READ = """<details open><summary>How to read this</summary>
<p>Each row is a <b>baseline</b>, which needs no network, or a <b>variant</b>, which was trained
once a seed. All are scored on the test samples of their task, which are the same for every row of
it. A variant's numbers are the mean ± the sample standard deviation over its seeds; one seed has no
deviation. <strong>Bold</strong> is the best mean of its task. A number in parentheses is
what was published for the row; where from, and what to know before comparing, is in the
footnotes.</p>
<ul>
<li>Protocol <b>published</b>: data, split and training as the paper's code had them, even where
they let the model profit from what it could not have known. These rows are there to be compared
with the paper.</li>
<li>Protocol <b>sound</b>: nothing that goes into the model knows the test samples, and what is
chosen is chosen on validation samples. These rows are there to be believed.</li>
</ul>
<p>Where there is a value a pixel, each metric is taken over the samples of a pixel whose target is
known, and then averaged over the pixels with equal weight. The arrow points to the better
values.</p>
<ul class="metrics">{metrics}</ul>
</details>"""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: white; margin: 0 auto;
  max-width: 84rem; padding: 1rem; }
h1, h2, h3 { line-height: 1.2; }
h2 { border-bottom: 2px solid #0072b2; margin-top: 3rem; padding-bottom: .25rem; }
a { color: #00588a; }
details { background: #f5f7f9; border-radius: 4px; margin: 1rem 0; padding: .5rem 1rem; }
summary { cursor: pointer; font-weight: 600; }
.warning { background: #fff3cd; border-left: 4px solid #e69f00; padding: .5rem 1rem; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .45rem; text-align: left; vertical-align: top; }
thead th { border-bottom: 2px solid #1b1b1b; white-space: nowrap; }
tbody th { font-weight: normal; min-width: 12rem; }
tbody tr + tr { border-top: 1px solid #e3e6e8; }
tr.task { background: #eaf1f6; border-top: 2px solid #9bb4c4; }
tr.task th { font-weight: 600; }
tr.baseline { color: #555; }
.number { text-align: right; white-space: nowrap; }
.unit, small { color: #666; font-weight: normal; }
small { display: block; font-size: .8rem; }
.footnotes { color: #444; font-size: .85rem; }
.origins td { padding: .1rem .7rem; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
figure { flex: 1 1 26rem; margin: 0; }
figure img { max-width: 100%; }
figcaption { color: #444; font-size: .85rem; }
"""
