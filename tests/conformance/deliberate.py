"""Where we differ from the reference on purpose.

A rule is a predicate on the inputs of a case (never its id, never what was recorded) and the outcome that we promise instead.
Each rule has its line in ``docs/compatibility.md``, under the rule's name; a rule without hits fails the suite.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from events.errors import ExpressionError

Inputs = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """One difference: for cases of ``format`` where ``applies``, ``outcome`` is what must come out."""

    name: str
    format: str
    applies: Callable[[Inputs], bool]
    outcome: Callable[[Inputs], Any]


RULES: list[Rule] = []


def rule(
    format: str, name: str, applies: Callable[[Inputs], bool]
) -> Callable[[Callable[[Inputs], Any]], Callable[[Inputs], Any]]:
    """Decorator of the function that gives the promised outcome."""

    def decorate(outcome: Callable[[Inputs], Any]) -> Callable[[Inputs], Any]:
        RULES.append(Rule(name, format, applies, outcome))
        return outcome

    return decorate


def find(format: str, inputs: Inputs) -> Rule | None:
    """The first rule that applies to these inputs."""
    return next((r for r in RULES if r.format == format and r.applies(inputs)), None)


# Event sources: requests and what became of them.

REFUSED = {"accepted": False, "messages": []}
ONE_EVENT = {"accepted": True, "messages": 1}
SINGLE_HEADERS = {"content-length", "content-type", "host", "transfer-encoding", "user-agent"}


def _event(case: Inputs) -> Inputs:
    """The configuration of the event that the request is for; empty when it is for none."""
    event: Inputs = case["spec"].get(case["kind"], {}).get(case["event_name"], {})
    return event


def _context(case: Inputs) -> Inputs:
    """Endpoint, port, method and so on of that event."""
    event = _event(case)
    context: Inputs = event if case["kind"] == "webhook" else event.get("webhook", {})
    return context


def _names(case: Inputs) -> list[str]:
    return [name.lower() for name, _ in case["request"]["headers"]] if "request" in case else []


def _header(case: Inputs, name: str) -> str:
    return next((v.strip() for k, v in case["request"]["headers"] if k.lower() == name.lower()), "")


def _body(case: Inputs) -> bytes:
    from tests.conformance.formats import recordings

    return recordings.body_of(case)


def _limit(case: Inputs) -> int:
    limit: int = _context(case).get("maxPayloadSize", 1 << 20)
    return limit


def _secret(case: Inputs, field: str) -> bytes | None:
    selector = _event(case).get(field)
    if not selector:
        return None
    text: str = case["secrets"].get(f"{selector['name']}/{selector['key']}", "")
    return text.removesuffix("\n").encode()


def _server_signature(case: Inputs) -> str:
    """The signature that Bitbucket Server would send; empty when no secret is configured."""
    secret = _secret(case, "webhookSecret") if case["kind"] == "bitbucketserver" else None
    return "sha256=" + hmac.new(secret, _body(case), "sha256").hexdigest() if secret else ""


def _unproven(case: Inputs) -> bool:
    if case["kind"] == "gitlab":
        token = _secret(case, "secretToken")
        return token is not None and _header(case, "X-Gitlab-Token").encode() != token
    right = _server_signature(case)
    given = _header(case, "X-Hub-Signature") if right else ""
    algorithm, _, digest = given.partition("=")
    return f"{algorithm}={digest.lower()}" != right if right else False


@rule("recordings", "secrets-are-always-checked", _unproven)
def _(case: Inputs) -> Any:
    return REFUSED


@rule(
    "recordings",
    "signatures-in-capitals",
    lambda case: bool(_server_signature(case)) and _header(case, "X-Hub-Signature") != _server_signature(case),
)
def _(case: Inputs) -> Any:
    return ONE_EVENT


@rule(
    "recordings",
    "forms-are-limited-too",
    lambda case: (
        case["kind"] == "webhook"
        and _header(case, "Content-Type") == "application/x-www-form-urlencoded"
        and len(_body(case)) > _limit(case)
    ),
)
def _(case: Inputs) -> Any:
    return REFUSED


@rule(
    "recordings",
    "endpoints-get-their-slash",
    lambda case: (
        not _context(case).get("endpoint", "/").startswith("/")
        and case["request"]["path"] == "/" + _context(case)["endpoint"]
    ),
)
def _(case: Inputs) -> Any:
    return ONE_EVENT


@rule(
    "recordings",
    "methods-share-a-path",
    lambda case: (
        case["kind"] == "webhook"
        and any(
            other is not _event(case)
            and (other.get("port"), other.get("endpoint"))
            == (_context(case).get("port"), _context(case).get("endpoint"))
            and case["request"]["method"] in (other["method"], _context(case)["method"])
            for other in case["spec"]["webhook"].values()
        )
    ),
)
def _(case: Inputs) -> Any:
    return ONE_EVENT


@rule(
    "recordings",
    "larger-events",
    lambda case: "request" in case and "filter" not in _event(case) and 786_000 < len(_body(case)) <= _limit(case),
)
def _(case: Inputs) -> Any:
    return ONE_EVENT


@rule(
    "recordings",
    "names-without-wildcards",
    lambda case: bool(set("*>") & set(case["event_source"] + (case["event_name"] or ""))),
)
def _(case: Inputs) -> Any:
    return REFUSED


def _broken_filter(case: Inputs) -> bool:
    expression = _event(case).get("filter", {}).get("expression")
    if expression is None:
        return False
    from eventsource import filtering, kinds

    try:
        filtering.prepare(expression, getattr(kinds.find(case["kind"]), "names", None))
    except ExpressionError:
        return True
    return False


@rule("recordings", "filters-that-do-not-compile", _broken_filter)
def _(case: Inputs) -> Any:
    return REFUSED


@rule(
    "recordings",
    "headers-that-may-come-once",
    lambda case: any(_names(case).count(name) > 1 for name in SINGLE_HEADERS),
)
def _(case: Inputs) -> Any:
    return REFUSED


@rule(
    "recordings",
    "open-pull-requests-without-a-token",
    lambda case: (
        case["kind"] == "bitbucketserver"
        and "request" in case
        and bool(_event(case).get("skipBranchRefsChangedOnOpenPR"))
        and "accessToken" not in _event(case)
        and _header(case, "X-Event-Key") == "repo:refs_changed"
    ),
)
def _(case: Inputs) -> Any:
    return ONE_EVENT


@rule(
    "recordings",
    "open-pull-requests-that-cannot-be-asked-for",
    lambda case: any(call["response"]["status"] >= 400 for call in case.get("provider_calls", ())),
)
def _(case: Inputs) -> Any:
    """All changes count, also when another one of the push could be asked for."""
    from tests.conformance.formats import recordings

    return {**ONE_EVENT, "asked": recordings.asked(case)}


# Hooks at the forges: what is there before, and what comes out.


def _wanted_hook(case: Inputs) -> Inputs:
    """A hook as the only event of the case wants it, in the form of ``recorded.essence``."""
    from eventsource.hooks.gitlab import SWITCHES
    from tests.support.forges import recorded

    kind, event = case["kind"], recorded.event_of(case)
    events = event.get("events") or []
    context = event["webhook"]
    url = context["url"].rstrip("/") + "/" + context["endpoint"].removeprefix("/")
    selector = event.get("secretToken" if kind == "gitlab" else "webhookSecret")
    hook = {"url": url, "secret": recorded.secret_of(case, selector).decode() if selector else None}
    if kind == "gitlab":
        ssl = event.get("enableSSLVerification", False)
        return {**hook, "events": sorted(SWITCHES.get(e, e) for e in events), "ssl": ssl, "signing": None}
    hook |= {"events": sorted(events), "active": True}
    if kind == "github":
        events = ["*"] if "*" in events else sorted({*events})
        form = {
            "content_type": event.get("contentType") or "form",
            "insecure_ssl": str(int(event.get("insecure", False))),
        }
        return {**hook, **form, "events": events, "active": event.get("active", False)}
    return hook


def _wanted_instead(case: Inputs, ours: list[Inputs]) -> Inputs:
    """What becomes of hooks with our URL: what the manifest does not say of it stays."""
    from tests.support.forges import recorded

    given = recorded.event_of(case)
    left = {"active": "active", "content_type": "contentType"} if case["kind"] == "github" else {}
    unsaid = [name for name, said in left.items() if ours and given.get(said) in (None, "")]
    instead = {**_wanted_hook(case), **{name: ours[0][name] for name in unsaid if ours[0][name] is not None}}
    # Its URL may be spelled otherwise, as long as nothing else is sent either.
    is_shown = case["kind"] == "bitbucketserver" or instead["secret"] is None
    told = [{**instead, **{name: value for name, value in hook.items() if value is not None}} for hook in ours[:1]]
    as_it_is = {**instead, "url": ours[0]["url"]} if ours else instead
    return as_it_is if is_shown and told == [as_it_is] else instead


COPIED_TO_GROUPS = {
    *("push_events", "tag_push_events", "issues_events", "confidential_issues_events", "merge_requests_events"),
    *("note_events", "confidential_note_events", "job_events", "pipeline_events", "wiki_page_events", "emoji_events"),
}
"""The switches that the reference sets on hooks of groups."""
KNOWN_TO_IT = {
    *COPIED_TO_GROUPS,
    "deployment_events",
    "releases_events",
    "resource_access_token_events",
    "vulnerability_events",
}


def _unlike_the_reference(case: Inputs) -> dict[str, list[Inputs]]:
    """The hooks with our URL that are there before, by target, where it leaves other ones than one as it is written.

    Not where the forge refuses something: there everything stays as it is.
    """
    from eventsource.hooks import same_address
    from tests.support.forges import recorded

    if not any(call["request"]["method"] == "GET" for call in case["calls"]):
        return {}
    forge, exact = recorded.forge_of(case), _wanted_hook(case)["url"]
    refused = {
        recorded.owner_of(case["kind"], recorded.request_of(call).path)
        for call in case["calls"]
        if call["response"]["status"] >= 400
    }
    found = {}
    for target, there in forge.hooks.items():
        oldest_first = sorted(there, key=lambda hook: (len(str(hook.get("id"))), str(hook.get("id"))))
        hooks = [recorded.essence(case["kind"], hook) for hook in oldest_first]
        ours = [hook for hook in hooks if same_address(hook["url"], exact)]
        wanted = _wanted_instead(case, ours)
        told = [{**wanted, **{name: value for name, value in hook.items() if value is not None}} for hook in ours]
        as_told = told == [wanted] and ours[0]["secret"] == wanted["secret"]
        differ = ours and not (as_told and ours[0]["url"] == exact)
        incomplete = target.startswith("groups/") and not COPIED_TO_GROUPS.issuperset(wanted["events"])
        if target not in refused and (differ or incomplete):
            found[target] = ours
    return found


def _newer_switches(case: Inputs) -> bool:
    """Whether it does not start for a switch of GitLab's that it does not know."""
    from eventsource.hooks.gitlab import SWITCHES
    from tests.support.forges import recorded

    if case["kind"] != "gitlab" or case["calls"]:
        return False
    events = recorded.event_of(case).get("events", [])
    return all(name in SWITCHES for name in events) and not KNOWN_TO_IT.issuperset(SWITCHES[name] for name in events)


@rule("provider_api", "hooks-are-as-written", lambda case: _newer_switches(case) or bool(_unlike_the_reference(case)))
def _(case: Inputs) -> Any:
    """One hook with our URL, as it is wanted; for each that was there a call more, to change or to delete it."""
    from eventsource.hooks import same_address
    from tests.conformance.formats import provider_api
    from tests.support.forges import recorded

    promised = provider_api.want(case)
    if _newer_switches(case):
        event = recorded.event_of(case)
        return {**promised, "calls": 2 * len([*event.get("projects", []), *event.get("groups", []), "projectID"])}
    unlike, wanted = _unlike_the_reference(case), _wanted_hook(case)
    before = recorded.state(recorded.forge_of(case), case["kind"])
    for target, ours in unlike.items():
        kept = [hook for hook in before[target] if hook not in ours]
        promised["hooks"][target] = recorded.in_order([*kept, _wanted_instead(case, ours)])
        promised["calls"] += len(ours)
    if recorded.event_of(case).get("deleteHookOnFinish"):
        promised["deleted"] = {
            target: [hook for hook in hooks if not same_address(hook["url"], wanted["url"])]
            for target, hooks in promised["hooks"].items()
        }
    return promised


# -- sensors ---------------------------------------------------------------------------------------------------------


def _is_absent(parameter: Any, case: Inputs) -> bool:
    source = parameter["src"]
    return bool(
        source["dependencyName"] not in case["events"] and source.get("value") is None and parameter.get("dest")
    )


@rule(
    "params",
    "absent-values-are-left-out",
    lambda case: case["op"] == "payload" and any(_is_absent(parameter, case) for parameter in case["params"] or []),
)
def _(case: Inputs) -> Any:
    """The body that the other parameters make."""
    from tests.conformance.formats import params

    return params.run({**case, "params": [p for p in case["params"] if not _is_absent(p, case)]})


def _bitbucket_without_credentials(case: Inputs) -> bool:
    spec = case.get("manifest", {}).get("spec") or {}
    events = list((spec.get("bitbucket") or {}).values())
    return case["kind"] == "EventSource" and bool(events) and all("auth" not in event for event in events)


@rule("validate", "bitbucket-needs-no-credentials", _bitbucket_without_credentials)
def _(case: Inputs) -> Any:
    """Valid, as any other forge without credentials."""
    return True, ""


# -- webhook clients of the event endpoint -----------------------------------------------------------------------------


def _clients(case: Inputs) -> Any:
    """The clients that may have a say about a request; None when nobody asks them."""
    from eventsource.endpoint import clients, paths
    from tests.conformance.formats import interceptor

    delivery = interceptor.delivery_of(case)
    namespace = paths.webhook_namespace(delivery.method, delivery.path)
    if namespace != interceptor.NAMESPACE or case.get("noClientsSecret") or "authorization" in _fields(case):
        return None
    return clients.read({name: text.encode() for name, text in case["clients"].items()})


def _fields(case: Inputs) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in case["headers"]:
        fields.setdefault(name.lower(), value)
    return fields


def _proves(kind: str, secret: bytes, fields: dict[str, str], body: bytes) -> bool:
    """Whether a request comes from a client of one of the reference's types, whatever its event and body."""
    event = {"github": "x-github-event", "gitlab": "x-gitlab-event"}.get(kind, "x-event-key")
    mac = hmac.new(secret, body, "sha256").hexdigest()
    proven = {
        "github": fields.get("x-hub-signature-256", "").removeprefix("sha256=") == mac or not secret,
        "gitlab": fields.get("x-gitlab-token", "") == secret.decode(),
        "bitbucket": fields.get("x-hook-uuid") == secret.decode() or not secret,
        "bitbucketserver": fields.get("x-hub-signature", "")[7:] == mac or not secret,
    }
    return bool(fields.get(event)) and proven.get(kind, False)


def _client(case: Inputs) -> str | None:
    """The name of the first client that the request comes from."""
    from tests.conformance.formats import interceptor

    clients = _clients(case)
    body = interceptor.body_of(case)
    if clients is None or len(body) > 2 << 20:
        return None
    proving = (e.name for e in clients.entries if _proves(e.signer.type, e.signer.secret, _fields(case), body))
    return next(proving, None)


@rule("interceptor", "events-of-any-kind", lambda case: _client(case) is not None)
def _(case: Inputs) -> Any:
    """Let in with the token of the account; where the reference lets in as well, its token counts (see the format)."""
    name = _client(case)
    account = case["serviceAccounts"].get(name)
    if account is None:
        return "forbidden", None
    annotated = account["annotations"].get("workflows.argoproj.io/service-account-token.name")
    secret = [*account["secrets"], annotated or f"{name}.service-account-token"][0]
    tokens = case["tokenSecrets"]
    return ("authorized", f"Bearer {tokens[secret] or ''}") if secret in tokens else ("forbidden", None)


@rule(
    "interceptor",
    "more-types-of-clients",
    lambda case: any(
        entry.signer.type in ("gitea", "hmac", "standard-webhooks") for entry in getattr(_clients(case), "entries", ())
    ),
)
def _(case: Inputs) -> Any:
    """None of them knows the deliveries of the recordings."""
    return "anonymous", None


@rule(
    "interceptor",
    "unknown-types-of-clients",
    lambda case: any(problem.path == "type" for problem in getattr(_clients(case), "problems", {}).values()),
)
def _(case: Inputs) -> Any:
    return "forbidden", None


@rule(
    "interceptor",
    "short-signatures",
    lambda case: (
        0 < len(_fields(case).get("x-hub-signature", "")) < 7
        and any(entry.signer.type == "bitbucketserver" for entry in getattr(_clients(case), "entries", ()))
    ),
)
def _(case: Inputs) -> Any:
    return "anonymous", None


# -- requests to the event endpoint ------------------------------------------------------------------------------------

NOT_LET_IN = {"status": 401, "workflows": []}


class _Request:
    """What the rules ask about a request to the event endpoint."""

    def __init__(self, case: Inputs) -> None:
        from eventsource.endpoint import clients, paths
        from tests.conformance.formats import http

        request = case["request"]
        self.body = http.body_of(case) or b""
        self.fields: dict[str, str] = {}
        for name, value in request["headers"]:
            self.fields.setdefault(name.lower(), value)
        self.in_server_mode = "server" in case["server"]
        namespace = paths.webhook_namespace(request["method"], request["path"])
        asked = namespace == "wfeb-conf" and "authorization" not in self.fields and case["clients"] is not None
        self.entries: Any = ()
        self.problems: Any = {}
        if asked:
            found = clients.read({name: text.encode() for name, text in case["clients"].items()})
            self.entries, self.problems = found.entries, found.problems
        self.signable = namespace is not None and "authorization" not in self.fields

    @property
    def client(self) -> str | None:
        """The client that it comes from."""
        proving = (e.name for e in self.entries if _proves(e.signer.type, e.signer.secret, self.fields, self.body))
        return None if len(self.body) > 2 << 20 else next(proving, None)

    @property
    def claims_a_client(self) -> bool:
        """Whether it says that it comes from one of the clients."""
        said = {
            "github": ("x-github-event", "x-hub-signature-256"),
            "gitlab": ("x-gitlab-event", "x-gitlab-token"),
            "bitbucket": ("x-event-key", "x-hook-uuid"),
            "bitbucketserver": ("x-event-key", "x-hub-signature"),
        }
        return any(self.fields.get(name) for e in self.entries for name in said.get(e.signer.type, ()))


@rule("http", "bodies-that-are-too-large", lambda case: _Request(case).signable and len(_Request(case).body) > 2 << 20)
def _(case: Inputs) -> Any:
    return {"status": 413, "workflows": []}


def _beyond_float64(case: Inputs) -> bool:
    import json

    try:
        value, _ = json.JSONDecoder(parse_int=float).raw_decode(_Request(case).body.decode("latin-1").strip())
    except ValueError:
        return False
    return "Infinity" in json.dumps(value) and b"Infinity" not in _Request(case).body


@rule(
    "http",
    "requests-that-cannot-be-read",
    lambda case: (
        "authorization" in _Request(case).fields
        and (
            _beyond_float64(case)
            or any(
                name.startswith("x-") and not name.endswith("-bin") and not value.isascii()
                for name, value in _Request(case).fields.items()
            )
        )
    ),
)
def _(case: Inputs) -> Any:
    """400, where the reference finds out too late and says 500."""
    return {"status": 400, "workflows": None if "async" in case["server"] else []}


@rule(
    "http",
    "events-of-any-kind",
    lambda case: _Request(case).client in ("github.com", "gitlab.com", "bitbucket.org", "bitbucketserver"),
)
def _(case: Inputs) -> Any:
    """As if it had been posted with the token of the client's ServiceAccount."""
    from tests.conformance.formats import http

    request = case["request"]
    token = ["Authorization", f"Bearer ${{token:{_Request(case).client}}}"]
    return http.run({**case, "request": {**request, "headers": [*request["headers"], token]}})


@rule("http", "unknown-types-of-clients", lambda case: bool(_Request(case).problems))
def _(case: Inputs) -> Any:
    return {"status": 403, "workflows": []}


@rule(
    "http",
    "short-signatures",
    lambda case: (
        0 < len(_Request(case).fields.get("x-hub-signature", "")) < 7
        and any(entry.signer.type == "bitbucketserver" for entry in _Request(case).entries)
    ),
)
def _(case: Inputs) -> Any:
    return NOT_LET_IN


@rule(
    "http",
    "more-types-of-clients",
    lambda case: any(e.signer.type in ("gitea", "hmac", "standard-webhooks") for e in _Request(case).entries),
)
def _(case: Inputs) -> Any:
    return NOT_LET_IN


@rule(
    "http",
    "signatures-count-in-every-mode",
    lambda case: _Request(case).in_server_mode and _Request(case).client is None and _Request(case).claims_a_client,
)
def _(case: Inputs) -> Any:
    return NOT_LET_IN


@rule(
    "http",
    "asynchronous-posts-are-stored",
    lambda case: case["server"] == "client-async-full" and case.get("queuedBefore", 0) > 0,
)
def _(case: Inputs) -> Any:
    """Nothing is full before the disk is."""
    return {"status": 200, "workflows": None}


def _generate_names(case: Inputs) -> list[str]:
    submits = [binding.get("spec", {}).get("submit") or {} for binding in case["bindings"]]
    return [submit.get("metadata", {}).get("generateName", "") for submit in submits]


@rule(
    "http", "names-follow-from-the-event", lambda case: any(250 <= len(name) <= 255 for name in _generate_names(case))
)
def _(case: Inputs) -> Any:
    """Whichever Workflow it is, it is created: the name is as long as names of the API server may be."""
    return {"status": 200, "workflows": None}
