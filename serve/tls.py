"""Certificates among vLLM's flags, checked before the start: vLLM reads them after it has loaded the model."""

import ssl
from collections.abc import Sequence

from pangea_cultural.errors import UserError
from serve.vllm_flags import value_of

CERTIFICATE, KEY, REQUIRED = "--ssl-certfile", "--ssl-keyfile", "--ssl-cert-reqs"


def check_certificate(flags: Sequence[str]) -> None:
    """Check that certificate and key can be read, and belong together.

    Raises:
        UserError: they do not, or clients would need certificates, which this command has not.
    """
    certificate, key = value_of(flags, CERTIFICATE), value_of(flags, KEY)
    if value_of(flags, REQUIRED) not in (None, str(int(ssl.CERT_NONE))):
        raise UserError(f"{REQUIRED} is not possible here. Let a server in front ask for certificates of clients.")
    if certificate is None:
        if key is not None:
            raise UserError(f"{KEY} has no certificate. Name it with {CERTIFICATE}.")
        return
    try:
        # A key with a password would wait for it at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        fact = f"The certificate {certificate} cannot be used with the key {key or certificate}: {reason}"
        raise UserError(f"{fact}. Name two files in PEM format that belong together.") from error
