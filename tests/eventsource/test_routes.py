from typing import Any

import pytest

from eventsource.routes import Endpoint, build


def endpoint(path: str, owner: str = "a", *, port: int = 1, method: str | None = "POST", tls: Any = None) -> Any:
    return Endpoint(port, path, None if method is None else frozenset({method}), tls, owner), owner


@pytest.mark.parametrize(
    ("template", "path", "found"),
    [
        ("/push", "/push", True),
        ("/push", "/push/", False),
        ("/push", "/PUSH", False),
        ("/repo/{name}", "/repo/abc", True),
        ("/repo/{name}", "/repo/", False),
        ("/repo/{name}", "/repo/a/b", False),
        ("/num/{id:[0-9]+}", "/num/12", True),
        ("/num/{id:[0-9]+}", "/num/1x", False),
        ("/{a}.{b:x{2}}", "/q.xx", True),
        ("/{all:.*}", "/a/../b", False),
        ("/{all:.*}", "/a/b", True),
    ],
)
def test_a_path_is_found_by_its_template(template: str, path: str, found: bool) -> None:
    tables, errors = build([endpoint(template)])
    assert not errors
    assert tables[1].lookup(path) == ({"POST": "a"} if found else None)


def test_an_exact_path_comes_before_a_template() -> None:
    tables, _ = build([endpoint("/{x}", "template"), endpoint("/a", "exact")])
    assert tables[1].lookup("/a") == {"POST": "exact"}
    assert tables[1].lookup("/b") == {"POST": "template"}


@pytest.mark.parametrize("path", ["/{", "/}", "/{}", "/{a:}", "/{a:(}", "/{a}}"])
def test_a_broken_template_is_an_error(path: str) -> None:
    (error,) = build([endpoint(path)])[1]
    assert path in error.message


@pytest.mark.parametrize("methods", [("POST", "POST"), (None, "POST"), ("POST", None), (None, None)])
@pytest.mark.parametrize("path", ["/a", "/{x}"])
def test_two_events_with_one_path_clash(path: str, methods: tuple[str | None, str | None]) -> None:
    tables, (error,) = build([endpoint(path, "first", method=methods[0]), endpoint(path, "second", method=methods[1])])
    assert "first and second both want" in error.message
    assert tables[1].lookup("/a") == {methods[0]: "first"}


def test_two_methods_share_a_path() -> None:
    tables, errors = build([endpoint("/a", "post"), endpoint("/a", "get", method="GET")])
    assert not errors
    assert tables[1].lookup("/a") == {"POST": "post", "GET": "get"}


def test_a_port_speaks_tls_or_not() -> None:
    (error,) = build([endpoint("/a", "plain"), endpoint("/b", "tls", tls="certificate")])[1]
    assert "plain and tls share port 1" in error.message


def test_the_same_path_on_two_ports_is_no_clash() -> None:
    tables, errors = build([endpoint("/a", "one"), endpoint("/a", "two", port=2)])
    assert not errors
    assert tables[2].map(str.upper).lookup("/a") == {"POST": "TWO"}
