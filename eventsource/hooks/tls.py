"""How we speak TLS with a forge: the authority that signed its certificate, and our own certificate (spec §0.4). Shell."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path

from events.errors import SpecError
from events.models.shared import SecretKeySelector, TLSConfig
from events.secrets import Vault

__all__ = ["client_context"]


def client_context(vault: Vault, namespace: str, tls: TLSConfig | None) -> ssl.SSLContext | bool:
    """A context, or True for what everybody trusts. Raises SpecError for certificates that cannot be used."""
    if tls is None:
        return True
    authority = "" if tls.ca_cert_secret is None else vault.get(namespace, tls.ca_cert_secret).decode("latin-1")
    try:
        context = ssl.create_default_context(cadata=authority or None)
    except (ssl.SSLError, TypeError, ValueError):
        raise SpecError("it holds no certificates in PEM", path="tls.caCertSecret") from None
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = tls.client_cert_secret, tls.client_key_secret
    if (certificate is None) != (key is None):
        raise SpecError("clientCertSecret and clientKeySecret belong together", path="tls")
    if certificate is not None and key is not None:
        _show(context, vault, namespace, certificate, key)
    return context


def _show(
    context: ssl.SSLContext, vault: Vault, namespace: str, certificate: SecretKeySelector, key: SecretKeySelector
) -> None:
    """Let the context prove with this pair who we are."""
    with tempfile.TemporaryDirectory() as folder:  # OpenSSL reads files only; the folder is ours alone
        certificate_file, key_file = Path(folder, "tls.crt"), Path(folder, "tls.key")
        certificate_file.write_bytes(vault.get(namespace, certificate))
        key_file.touch(mode=0o600)
        key_file.write_bytes(vault.get(namespace, key))
        try:
            context.load_cert_chain(os.fspath(certificate_file), os.fspath(key_file), password="")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise SpecError(f"the client's certificate cannot be used: {error}", path="tls.clientCertSecret") from None
