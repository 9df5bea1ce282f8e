"""The files in a request's body: one by itself, or several as a form. They are never taken for names of files."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from edgefake.serve.refusals import Refusal
from edgefake.text import printable

FIELD = "file"
RAW = ("image/", "video/", "application/octet-stream")
HOW = f"send it as it is with its Content-Type, or as a form: curl -F {FIELD}=@photo.jpg"


@dataclass(frozen=True, slots=True)
class Upload:
    """One file. ``name`` is what the caller calls it, None where it came by itself."""

    name: str | None
    data: bytes


class _InMemory(MultiPartParser):
    """Keeps files in memory, which the limit of the body bounds: a full disk is no matter."""

    spool_max_size = 1 << 40


def is_form(request: Request) -> bool:
    """Whether the body is a form. Raises ``Refusal`` where it is neither that nor a file."""
    kind = request.headers.get("content-type", RAW[-1]).partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is compressed: send it as it is")
    if kind != "multipart/form-data" and not kind.startswith(RAW):
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"expected a file or a form with files, got {printable(kind, limit=60)}: {HOW}"
        )
    return kind == "multipart/form-data"


async def read_uploads(request: Request, *, most: int) -> list[Upload]:
    """The files in the body, at least one and no more than ``most``, in memory. Raises ``Refusal``."""
    if not is_form(request):
        uploads = [Upload(None, await request.body())]
    else:
        parser = _InMemory(request.headers, request.stream(), max_files=most, max_fields=0)
        uploads = [await _content(file) for file in await read_form(parser)]
    if empty := [upload for upload in uploads if not upload.data]:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"{printable(empty[0].name or 'the body')} is empty (0 bytes): {HOW}")
    return uploads


async def _content(file: UploadFile) -> Upload:
    try:
        return Upload(file.filename, await file.read())
    finally:
        await file.close()


async def read_form(parser: MultiPartParser) -> list[UploadFile]:
    """The files of a form, all in the field ``FIELD``; the caller closes them. Raises ``Refusal``."""
    try:
        form = await parser.parse()
    except (MultiPartException, UnicodeError) as error:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"the form cannot be read ({printable(error)}): {HOW}") from error
    files = [value for name, value in form.multi_items() if name == FIELD and isinstance(value, UploadFile)]
    others = [name for name, value in form.multi_items() if value not in files]
    if others or not files:
        await form.close()
        got = f"one named {printable(others[0], limit=60)}" if others else "none"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, f"expected files in fields named {FIELD}, got {got}: {HOW}")
    return files
