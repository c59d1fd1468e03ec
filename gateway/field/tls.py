"""Modbus over TLS (Modbus/TCP Security V2.1): whom we trust, who we are. There is no way to switch verification off."""

import ssl
from dataclasses import dataclass
from pathlib import Path

TLS_PORT = 802


@dataclass(frozen=True, slots=True)
class Security:
    """Files of a connection: the authority that signed the device's certificate, and our own certificate with its key."""

    ca_file: Path | None = None
    """None: the authorities the system trusts."""
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str | None = None
    """The name in the device's certificate where it is not the address."""

    def context(self) -> ssl.SSLContext:
        """The settings of one connection, read from the files now; OSError (SSLError) when they cannot be used."""
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # 1.2 or newer
        if self.ca_file is not None and context.cert_store_stats()["crl"]:  # the file also holds a revocation list
            context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
        if self.cert_file is not None:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context
