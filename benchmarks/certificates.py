"""TLS for the mirror: an authority of one's own, and a certificate of it for loopback and for the line."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.failures import BenchmarkError

# Two certificates and no self-signed one: uv refuses an authority that is the server as well. The files of
# settings are for LibreSSL (macOS), which has not all of OpenSSL's options.
_SETTINGS = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = benchmark on loopback
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1,IP:198.18.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Certificates:
    """Files in PEM: what clients trust, what the server shows, and its key."""

    authority: Path
    server: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make both for two days. Raises BenchmarkError without openssl."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise BenchmarkError("certificates for loopback are made with openssl, and there is none on PATH")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.cnf").write_text(_SETTINGS)
    # fmt: off
    steps = (
        ("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "authority.key"),
        ("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "server.key"),
        ("req", "-x509", "-new", "-config", "settings.cnf", "-extensions", "authority", "-key", "authority.key",
         "-days", "2", "-out", "authority.pem"),
        ("req", "-new", "-config", "settings.cnf", "-key", "server.key", "-out", "server.csr"),
        ("x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
         "-set_serial", "2", "-days", "2", "-extfile", "settings.cnf", "-extensions", "server",
         "-out", "server.pem"),
    )
    # fmt: on
    for step in steps:
        done = subprocess.run([openssl, *step], cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BenchmarkError(f"openssl {step[0]} failed: {done.stderr.strip()}")
    return Certificates(folder / "authority.pem", folder / "server.pem", folder / "server.key")
