"""Who a GitHub App is: a signed token for ten minutes as the App, and with it a token for an hour as one of its installations.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from events.errors import SpecError, Unavailable
from eventsource.hooks.client import Client

__all__ = ["AppTokens"]

_LIFE = 540
_SKEW = 60
"""Seconds that the clocks may differ: a token is dated back so long, and renewed so long before it ends."""


class AppTokens:
    """``key`` gives the private key (PEM) as it is now."""

    def __init__(self, app: int, key: Callable[[], bytes], *, now: Callable[[], float] = time.time) -> None:
        self._app = app
        self._key = key
        self._now = now
        self._client: Client | None = None
        self._installation = 0
        self._token: tuple[str, float, bytes] = ("", 0.0, b"")

    def installed(self, client: Client, installation: int) -> None:
        """Where the tokens of an installation are asked for, as the App."""
        self._client, self._installation = client, installation

    async def as_app(self) -> Mapping[str, str]:
        """Raises SpecError when the key is none."""
        import jwt  # takes a tenth of a second, and only Apps need it

        now = int(self._now())
        claims = {"iat": now - _SKEW, "exp": now + _LIFE, "iss": str(self._app)}
        try:
            token = jwt.encode(claims, self._key(), algorithm="RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise SpecError("the private key is no RSA key in PEM", path="githubApp.privateKey") from None
        return {"Authorization": f"Bearer {token}"}

    async def as_installation(self) -> Mapping[str, str]:
        """A token that is good for some time yet; a new key gives a new token."""
        assert self._client is not None
        token, ends, key = self._token
        if ends - _SKEW <= self._now() or key != self._key():
            key = self._key()
            answer = (await self._client.call("POST", f"/app/installations/{self._installation}/access_tokens")).json
            try:
                token, ends = str(answer["token"]), datetime.fromisoformat(str(answer["expires_at"])).timestamp()
            except (KeyError, TypeError, ValueError):
                raise Unavailable("the answer has no token for the installation") from None
            self._token = (token, ends, key)
        return {"Authorization": f"token {token}"}
