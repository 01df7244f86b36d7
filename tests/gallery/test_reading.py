"""What a page says, without how it is drawn, nor when and where it was run."""

from gallery.page_parts import read
from mi_checks.report.single_page import render
from tests.report.conftest import make_run

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>All 2 checks passed.</title><style>h1{}</style></head>
<body><p class="when">2026-01-01 · took 3 s</p><p class="setup">numpy 2.3</p><pre class="command">pytest -n 2</pre>
<details class="facts"><dl><dt>torch</dt><dd>2.9</dd></dl></details>
<table><tr><td><b>✓</b> pass<br>4.12 [3.74, 4.49]</td><td class="c">.42</td></tr></table>
<p class="looks">at <b>·a<small>7</small></b></p><p class="tok">7</p>
<svg role="img"><title>logit_diff</title><desc>4.12 logits</desc><g><title>a dot</title><path d="M0 0"/>
<text>4</text></g></svg><script>run(1)</script><p>the end</p></body></html>"""


def test_what_is_measured_is_read_and_nothing_else():
    assert read(PAGE).lines == [
        "All 2 checks passed.", "✓", "pass", "4.12 [3.74, 4.49]", "0.42", "at", "·a", "0.07", "7", "logit_diff",
        "4.12 logits", "the end",
    ]  # fmt: skip


def test_elements_are_found_by_tag_and_class():
    page = read(PAGE)
    assert page.first("td", "c").lines == ["0.42"]
    assert [each.text for each in page.all("td")] == ["✓ pass 4.12 [3.74, 4.49]", "0.42"]
    assert page.first("ul").lines == []


def test_a_real_page_is_read_without_its_time_and_versions():
    lines = read(render(make_run())).lines
    assert {"pass", "fail", "inconclusive", "error", "absent"} <= set(lines)
    assert sum(line.startswith("logit_diff on nano-attn-2l: pass") for line in lines) == 3  # a chart's title
    assert not any("took" in line or "sha256" in line or "--mi-report" in line for line in lines)
