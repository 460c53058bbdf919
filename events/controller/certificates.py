"""Certificates and passwords of a bus: an authority of its own, which nobody keeps the key of. Random, and nothing else.

Ten years, as the reference (spec §5.4): they are made anew when the Secret is removed.
"""

from __future__ import annotations

import datetime
import hashlib
import secrets
import string

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from events.controller import nats
from events.controller.names import bus_object

__all__ = ["SERVER_KEYS", "bus_secret_data", "digest"]

SERVER_KEYS = (
    "auth", "encryption", "private-key", "cert", "ca-cert", "cluster-private-key", "cluster-cert", "cluster-ca-cert",
)  # fmt: skip

_LIFE = datetime.timedelta(days=3650)
_LETTERS = string.ascii_letters + string.digits


def bus_secret_data(name: str, namespace: str) -> tuple[dict[str, str], dict[str, str]]:
    """The texts of the two Secrets of a bus: of its servers, and of its clients. They belong together."""
    service = bus_object(name, "-svc")
    hosts = [
        f"{prefix}{service}{suffix}"
        for prefix in ("", "*.")
        for suffix in ("", f".{namespace}", f".{namespace}.svc", f".{namespace}.svc.cluster.local")
    ]
    user, password = _word(8), _word(32)
    authority, certificate, key = _certificate(bus_object(name), hosts)
    cluster_authority, cluster_certificate, cluster_key = _certificate(bus_object(name), hosts)
    server = {
        "auth": nats.accounts(user, password, _word(8), _word(32)),
        "encryption": _word(32),
        "private-key": key,
        "cert": certificate,
        "ca-cert": authority,
        "cluster-private-key": cluster_key,
        "cluster-cert": cluster_certificate,
        "cluster-ca-cert": cluster_authority,
    }
    return server, {"client-auth": nats.client_auth(user, password), "ca.crt": authority}


def digest(certificate: str) -> str:
    """What changes with the certificate; nobody learns anything secret from it."""
    return hashlib.sha256(certificate.encode()).hexdigest()[:16]


def _word(length: int) -> str:
    """Random, and read as a text by every parser: it begins with a letter."""
    return secrets.choice(string.ascii_lowercase) + "".join(secrets.choice(_LETTERS) for _ in range(length - 1))


def _certificate(common_name: str, hosts: list[str]) -> tuple[str, str, str]:
    """PEM texts: an authority, a certificate of a server that it signed, and the key of the server."""
    now = datetime.datetime.now(datetime.UTC)
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{common_name[:55]} CA")])
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:60])])

    def builder(name: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + _LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )

    authority = (
        builder(issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        builder(subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return authority.public_bytes(pem).decode(), certificate.public_bytes(pem).decode(), private.decode()


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
