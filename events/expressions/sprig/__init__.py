"""The functions of sprig v3 that templates and expr-lang expressions may call, by name.

``FUNCTIONS[name](*arguments, context=…)`` takes and gives the values of ``events.expressions.golang`` (a whole number of a
program is an ``Int``, a plain ``int`` or ``float`` a ``float64``) and raises only ``EvaluationError``. ``context`` tells the
time and the seed of random values; the few functions that need it raise without it.

``REFUSED`` names the functions that sprig has and we don't, with the reason: what reaches for the environment or the network,
and what makes keys, certificates or password hashes.

Follows https://masterminds.github.io/sprig/ and the sources of v3.3.
"""

from __future__ import annotations

from events.expressions.golang.functions import Context, Function
from events.expressions.sprig import (
    casing,
    crypto,
    dates,
    defaults,
    dicts,
    encoding,
    lists,
    math,
    paths,
    regex,
    semver,
    strings,
    urls,
)

__all__ = ["FUNCTIONS", "REFUSED", "Context", "Function"]

FUNCTIONS: dict[str, Function] = {
    **strings.FUNCTIONS,
    **casing.FUNCTIONS,
    **lists.FUNCTIONS,
    **dicts.FUNCTIONS,
    **defaults.FUNCTIONS,
    **math.FUNCTIONS,
    **dates.FUNCTIONS,
    **encoding.FUNCTIONS,
    **regex.FUNCTIONS,
    **semver.FUNCTIONS,
    **paths.FUNCTIONS,
    **urls.FUNCTIONS,
    **crypto.FUNCTIONS,
}

_NO_ENVIRONMENT = "templates see the event alone, not the environment of the process"
_NO_NETWORK = "templates use no network"
_NO_KEYS = "keys, certificates and password hashes are not made in a template; keep them in a Secret"

REFUSED: dict[str, str] = {
    "env": _NO_ENVIRONMENT,
    "expandenv": _NO_ENVIRONMENT,
    "getHostByName": _NO_NETWORK,
    "bcrypt": _NO_KEYS,
    "htpasswd": _NO_KEYS,
    "genPrivateKey": _NO_KEYS,
    "buildCustomCert": _NO_KEYS,
    "genCA": _NO_KEYS,
    "genCAWithKey": _NO_KEYS,
    "genSelfSignedCert": _NO_KEYS,
    "genSelfSignedCertWithKey": _NO_KEYS,
    "genSignedCert": _NO_KEYS,
    "genSignedCertWithKey": _NO_KEYS,
    "encryptAES": _NO_KEYS,
    "decryptAES": _NO_KEYS,
}
