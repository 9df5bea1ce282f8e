"""Content Credentials made by the library's own signer, with a certificate that the tests make."""

from __future__ import annotations

import datetime
import io
import json

from c2pa import Builder, C2paSignerInfo, C2paSigningAlg, Signer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SIGNER = "Example Newsroom"
_SOURCES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
CAMERA, AI = f"{_SOURCES}digitalCapture", f"{_SOURCES}trainedAlgorithmicMedia"


def signed(data: bytes, kind: str, *, source: str = CAMERA, remote: str | None = None, name: str = SIGNER) -> bytes:
    """``data``, a file of this MIME type, with credentials by ``name``, or with the address ``remote`` of them in their place."""
    manifest = {
        "claim_generator_info": [{"name": "edgefake tests", "version": "1"}],
        "title": "drawn",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType": source}]}}],
    }
    output = io.BytesIO()
    with Builder(json.dumps(manifest)) as builder, Signer.from_info(_identity(name)) as signer:
        if remote is not None:
            builder.set_no_embed()
            builder.set_remote_url(remote)
        builder.sign(signer, kind, io.BytesIO(data), output)
    return output.getvalue()


def _identity(name: str) -> C2paSignerInfo:
    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    person = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
    end = _certificate(person, authority, own, root).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
    )
    end = end.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
    chain = [end.sign(root, hashes.SHA256()), _certificate(authority, authority, root, root).sign(root, hashes.SHA256())]
    pem = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    key = own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return C2paSignerInfo(C2paSigningAlg.ES256, pem, key, None)


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now, is_root = datetime.datetime.now(datetime.timezone.utc), key is signer
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usage), critical=True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
