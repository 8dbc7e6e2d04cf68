"""TLS for the servers of the tests, with a certificate that is its own authority."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from socketserver import TCPServer

import pytest

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")


def make_certificate(folder: Path) -> Path:
    """Make ``certificate.pem`` and ``key.pem`` for 127.0.0.1; return the first one."""
    certificate = folder / "certificate.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test"
    extensions = ("-addext", "subjectAltName=IP:127.0.0.1", "-addext", "keyUsage=digitalSignature,keyCertSign")
    files = ("-keyout", str(folder / "key.pem"), "-out", str(certificate))
    subprocess.run([*command.split(), *extensions, *files], check=True, capture_output=True)
    return certificate


def speak_tls(server: TCPServer, certificate: Path) -> None:
    """Let a server that has not accepted anybody yet speak TLS only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
