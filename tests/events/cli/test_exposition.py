"""The metrics of several processes are one text that Prometheus can read."""

from __future__ import annotations

from collections import Counter

from prometheus_client.parser import text_string_to_metric_families

from events.cli.exposition import merge

ONE = """\
# HELP a_total Counted
# TYPE a_total counter
a_total{who="x"} 2.0
# HELP g_total A gauge whose name ends like a counter's
# TYPE g_total gauge
g_total 0.0
# HELP s Seconds
# TYPE s summary
s_count{who="x"} 1.0
s_sum{who="x"} 0.5
# HELP h Time
# TYPE h histogram
h_bucket{le="1.0",who="x"} 1.0
h_bucket{le="+Inf",who="x"} 2.0
h_count{who="x"} 2.0
h_sum{who="x"} 3.0
"""
OTHER = """\
# HELP a_total Counted
# TYPE a_total counter
a_total{who="x"} 3.0
a_total{who="y\\"\\n"} 1.0
# HELP g_total A gauge whose name ends like a counter's
# TYPE g_total gauge
g_total 4.0
# HELP s Seconds
# TYPE s summary
s_count{who="x"} 2.0
s_sum{who="x"} 0.25
# HELP h Time
# TYPE h histogram
h_bucket{le="1.0",who="x"} 0.0
h_bucket{le="+Inf",who="x"} 4.0
h_count{who="x"} 4.0
h_sum{who="x"} 3.0
# HELP only Here
# TYPE only gauge
only 7.0
"""


def test_each_family_and_series_comes_once_counts_are_added_and_gauges_are_not() -> None:
    text = merge([ONE, OTHER])
    types = Counter(line for line in text.splitlines() if line.startswith("# TYPE"))
    assert types == Counter(
        [f"# TYPE {kind}" for kind in ("a_total counter", "g_total gauge", "s summary", "h histogram", "only gauge")]
    )
    samples = [(s.name, *s.labels.values(), s.value) for f in text_string_to_metric_families(text) for s in f.samples]
    assert samples == [
        ("a_total", "x", 5),
        ("a_total", 'y"\n', 1),
        ("g_total", 4),
        ("s_count", "x", 3),
        ("s_sum", "x", 0.75),
        ("h_bucket", "1.0", "x", 1),
        ("h_bucket", "+Inf", "x", 6),
        ("h_count", "x", 6),
        ("h_sum", "x", 6),
        ("only", 7),
    ]


def test_one_text_stays_as_it_is() -> None:
    assert merge([ONE]) == ONE
    assert merge([]) == ""
