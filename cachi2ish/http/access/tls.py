"""TLS: whom to believe.

The certificates are read once per run and shared by all connections, and not at all where nobody needs them.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable
from pathlib import Path

import certifi
from urllib3.util.ssl_ import create_urllib3_context

from cachi2ish.core.urls import Address, host_and_port
from cachi2ish.errors import InputError


class TrustedHosts:
    """The ``host`` and ``host:port`` for which the user does without proof (pip's ``--trusted-host``)."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(_host_and_port(host) for host in hosts)

    def has(self, url: Address) -> bool:
        """Return whether the host of ``url`` is named, with its port or with none."""
        if not self._hosts or not url.hostname:
            return False
        port = url.port or (443 if url.scheme == "https" else 80)
        return not self._hosts.isdisjoint({(url.hostname, None), (url.hostname, port)})


def _host_and_port(text: str) -> tuple[str, int | None]:
    found = host_and_port(text)
    if found is None:
        raise InputError(
            f"{text.rpartition('@')[2]!r} is no host that can be trusted",
            hint="write host or host:port, without scheme, path or credentials",
        )
    return found


def authorities_of(ca_bundle: str | None, named_by: str) -> str:
    """Return which certificate authorities are trusted, and what to do where that are the wrong ones, as a clause.

    named_by: the variable or setting that names ``ca_bundle``.
    """
    if ca_bundle is None:
        return (
            f"the authorities of certifi are trusted ({certifi.where()}); name others with PIP_CERT,"
            " REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE"
        )
    return (
        f"the authorities in {ca_bundle} are trusted, which {named_by or 'a setting'} names: add the missing one"
        " there, or name another file with PIP_CERT"
    )


class Contexts:
    """TLS contexts, made when they are first needed: a run that finds everything in the cache needs none.

    ca_bundle: a file or directory of PEM certificates, or None for certifi's. ca_bundle_from: what names it.
    client_cert: a PEM file with certificate and key, or None.
    """

    def __init__(self, ca_bundle: str | None, client_cert: str | None, ca_bundle_from: str = "") -> None:
        self._ca_bundle = ca_bundle
        self._ca_bundle_from = ca_bundle_from or "REQUESTS_CA_BUNDLE, SSL_CERT_FILE or PIP_CERT"
        self._client_cert = client_cert
        self._made: dict[bool, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def get(self, *, verify: bool) -> ssl.SSLContext:
        """Return the context that does or does not verify; raises `InputError` for unreadable files."""
        with self._lock:
            if verify not in self._made:
                self._made[verify] = self._make(verify=verify)
            return self._made[verify]

    def _make(self, *, verify: bool) -> ssl.SSLContext:
        context = create_urllib3_context()
        if verify:
            context.verify_mode = ssl.CERT_REQUIRED
            context.check_hostname = True
            self._load_authorities(context)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self._client_cert is not None:
            self._load_client_certificate(context, self._client_cert)
        return context

    def _load_authorities(self, context: ssl.SSLContext) -> None:
        bundle = self._ca_bundle or certifi.where()
        try:
            if Path(bundle).is_dir():
                context.load_verify_locations(capath=bundle)
            else:
                context.load_verify_locations(cafile=bundle)
        except OSError as error:  # ssl.SSLError is one
            raise InputError(
                f"the certificates in {bundle} cannot be read: {_reason(error)}",
                hint=f"{self._ca_bundle_from} names a PEM file or an OpenSSL directory",
            ) from None

    @staticmethod
    def _load_client_certificate(context: ssl.SSLContext, file: str) -> None:
        try:
            # An empty password: never a question on the terminal.
            context.load_cert_chain(file, password="")
        except OSError as error:
            raise InputError(
                f"the client certificate {file} cannot be read: {_reason(error)}",
                hint="it must be one PEM file with the certificate and its key, without a password",
            ) from None


def _reason(error: OSError) -> str:
    return (error.reason if isinstance(error, ssl.SSLError) else error.strerror) or "it is no PEM file"
