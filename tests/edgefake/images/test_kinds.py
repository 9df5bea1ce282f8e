"""What pictures may be: turned, transparent, deep, several in a file, of any format that OpenCV reads."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefake import InputError, read_image, read_images
from tests.edgefake.images.files import apng, chunk, encoded, exif, png, tiff, tiff_of, with_chunks
from tests.edgefake.images.test_reading import ORIENTATIONS


def read(path: Path, data: bytes, **options: int) -> np.ndarray:
    path.write_bytes(data)
    return read_image(path, **options)


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp_with_exif(image: np.ndarray, block: bytes) -> bytes:
    plain = encoded(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 101])[12:]
    height, width = image.shape[:2]
    extended = b"\x08\0\0\0" + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBP" + riff_chunk(b"VP8X", extended) + plain + riff_chunk(b"EXIF", block)
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.fixture
def odd(photo: np.ndarray) -> np.ndarray:
    """Neither square nor symmetric."""
    return np.ascontiguousarray(cv2.GaussianBlur(photo, (0, 0), 3)[:90, :130])


TURNED: dict[str, Callable[[np.ndarray, int], bytes]] = {
    "png": lambda image, turn: with_chunks(encoded(".png", image), chunk(b"eXIf", exif(turn))),
    "png, behind the pixels": lambda image, turn: encoded(".png", image)[:-12] + chunk(b"eXIf", exif(turn)) + chunk(b"IEND", b""),
    "webp": lambda image, turn: webp_with_exif(image, exif(turn)),
    "webp with prefix": lambda image, turn: webp_with_exif(image, b"Exif\0\0" + exif(turn)),
    "tiff": lambda image, turn: tiff(image, t274=(turn,)),
    "tiff, big-endian": lambda image, turn: tiff(image, big_endian=True, t274=(turn,)),
    "tiff, 16 bits": lambda image, turn: tiff(image.astype(np.uint16) * 257, t274=(turn,)),
}


@pytest.mark.parametrize("turn", ORIENTATIONS)
@pytest.mark.parametrize("kind", TURNED)
def test_orientation_holds_for_every_format(tmp_path: Path, odd: np.ndarray, kind: str, turn: int) -> None:
    assert np.array_equal(read(tmp_path / "a", TURNED[kind](odd, turn)), ORIENTATIONS[turn](odd))


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def turned_avif(data: bytes, properties: list[bytes]) -> bytes:
    """The AVIF with further properties of its only picture: the boxes around them grow, and what lies behind them moves."""
    added, links = b"".join(properties), len(properties)
    ipco, ipma = data.index(b"ipco") - 4, data.index(b"ipma") - 4
    there = struct.unpack_from(">I", data, ipco)[0]
    known, at = 0, ipco + 8
    while at < ipco + there:
        known, at = known + 1, at + struct.unpack_from(">I", data, at)[0]
    ends = ipma + struct.unpack_from(">I", data, ipma)[0]
    grown = bytearray(
        data[: ipco + there] + added + data[ipco + there : ends] + bytes(0x80 | known + 1 + n for n in range(links)) + data[ends:]
    )
    for name, more in ((b"ipco", len(added)), (b"ipma", links), (b"iprp", len(added) + links), (b"meta", len(added) + links)):
        where = grown.index(name) - 4
        struct.pack_into(">I", grown, where, struct.unpack_from(">I", grown, where)[0] + more)
    association = grown.index(b"ipma") + 4 + 4 + 4 + 2  # version and flags, count, item
    grown[association] += links
    offset = grown.index(b"mdat") + 4  # the only extent begins with the data
    iloc = grown.index(b"iloc")
    old = struct.pack(">I", data.index(b"mdat") + 4)
    where = grown.index(old, iloc)
    struct.pack_into(">I", grown, where, offset)
    return bytes(grown)


@pytest.mark.parametrize(
    ("properties", "upright"),
    [
        ([box(b"irot", b"\1")], lambda a: np.rot90(a, 1)),
        ([box(b"irot", b"\2")], lambda a: np.rot90(a, 2)),
        ([box(b"irot", b"\3")], lambda a: np.rot90(a, 3)),
        ([box(b"imir", b"\0")], lambda a: a[::-1]),
        ([box(b"imir", b"\1")], lambda a: a[:, ::-1]),
        ([box(b"irot", b"\1"), box(b"imir", b"\0")], lambda a: np.rot90(a, 1)[::-1]),
    ],
)
def test_avif_is_turned_and_mirrored(
    tmp_path: Path, odd: np.ndarray, properties: list[bytes], upright: Callable[[np.ndarray], np.ndarray]
) -> None:
    try:
        plain = encoded(".avif", odd)
    except cv2.error:
        pytest.skip("this OpenCV has no AVIF")
    assert np.array_equal(read(tmp_path / "a", turned_avif(plain, properties)), upright(read(tmp_path / "b", plain)))


def test_transparent_pictures_are_laid_on_white(tmp_path: Path, odd: np.ndarray) -> None:
    alpha = np.zeros(odd.shape[:2], np.uint8)
    alpha[:, 40:80], alpha[:, 80:] = 128, 255
    share = alpha[..., None] / 255
    expected = odd * share + 255 * (1 - share)
    translucent = np.dstack([odd, alpha])
    for data in (
        encoded(".png", translucent),
        encoded(".png", translucent.astype(np.uint16) * 257),
        encoded(".webp", translucent, [cv2.IMWRITE_WEBP_QUALITY, 101]),
        tiff(translucent, t338=(2,)),
        tiff(translucent.astype(np.uint16) * 257, t338=(2,)),
        tiff(np.dstack([np.rint(odd * share).astype(np.uint8), alpha]), t338=(1,)),  # multiplied already
    ):
        assert np.abs(read(tmp_path / "a", data) - expected).max() <= 2


def test_one_colour_called_transparent(tmp_path: Path) -> None:
    grey, colour = bytes([0, 100, 200, 100]), bytes([0, 0, 0, 9, 8, 7])
    for data, expected in (
        (png(2, 2, 8, 0, grey, chunk(b"tRNS", b"\0\x64")), [[0] * 3, [255] * 3, [200] * 3, [255] * 3]),
        (png(2, 1, 8, 2, colour, chunk(b"tRNS", b"\0\x09\0\x08\0\x07")), [[0] * 3, [255] * 3]),
        (png(2, 1, 8, 3, b"\0\1", chunk(b"PLTE", b"\1\2\3\4\5\6"), chunk(b"tRNS", b"\xff\0")), [[3, 2, 1], [255] * 3]),
    ):
        assert read(tmp_path / "a", data).reshape(-1, 3).tolist() == expected


def test_deep_samples_are_scaled_by_what_the_file_declares(tmp_path: Path, odd: np.ndarray) -> None:
    deep = (odd.astype(np.uint16) * 16 + 8).clip(0, 4095)
    rows = np.ascontiguousarray(deep[:, :, ::-1]).astype(">u2").tobytes()
    height, width = odd.shape[:2]
    for data in (
        png(width, height, 16, 2, rows, chunk(b"sBIT", b"\x0c\x0c\x0c")),
        tiff(deep, t281=(4095,) * 3),
        tiff(deep, t341=(4095,) * 3),
    ):
        assert np.abs(read(tmp_path / "a", data).astype(int) - odd).max() <= 1
    for data in (encoded(".png", deep), tiff(deep)):
        with pytest.raises(InputError, match=r"16 bits.* 65535"):
            read(tmp_path / "a", data)
    assert not read(tmp_path / "a", encoded(".png", deep * 0)).any()  # black is black


@pytest.mark.parametrize("kind", [np.float32, np.int16, np.uint32])
def test_samples_without_a_white_are_refused(
    tmp_path: Path, odd: np.ndarray, kind: type, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match="8 or 16 bits"):
        read(tmp_path / "a", tiff((odd // 2).astype(kind)))


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff", ".gif", ".avif", ".jp2", ".ppm", ".pgm"])
def test_every_format_declares_its_size(tmp_path: Path, odd: np.ndarray, suffix: str) -> None:
    try:
        data = encoded(suffix, odd[:, :, 0].copy() if suffix == ".pgm" else odd)
    except cv2.error:
        pytest.skip(f"this OpenCV writes no {suffix}")
    assert read(tmp_path / "a", data).shape == odd.shape
    with pytest.raises(InputError, match=r"130×90 pixels, .* 0\.0116 megapixels"):
        read(tmp_path / "a", data, max_pixels=90 * 130 - 100)


def test_bombs_are_refused_by_what_they_declare(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    (tmp_path / "a").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b""))
    with pytest.raises(InputError, match=r"30000×30000 pixels, .* 200 megapixels"):
        read_image(tmp_path / "a")
    many = apng([np.zeros((4, 4, 3), np.uint8)] * 3)
    with pytest.raises(InputError, match="3 pictures of 4×4"):
        list(read_images_of(tmp_path / "b", many, max_pixels=47))


def read_images_of(path: Path, data: bytes, **options: int) -> list[np.ndarray]:
    path.write_bytes(data)
    return list(read_images(path, **options))


def test_frames_and_pages_are_never_silent(tmp_path: Path, odd: np.ndarray) -> None:
    frames = [odd, np.ascontiguousarray(odd[::-1]), odd // 2]
    hidden = np.full_like(odd, 200)
    files = {"apng": (apng(frames), frames), "hidden": (apng(frames, hidden=hidden), [hidden, *frames])}
    files["pages"] = (tiff_of([odd, odd[:50]], t266=(1,)), [odd, odd[:50]])
    files["big-endian pages"] = (tiff_of(frames, big_endian=True), frames)
    for data, expected in files.values():
        found = read_images_of(tmp_path / "a", data)
        assert len(found) == len(expected)
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
        with pytest.raises(InputError, match=f"holds {len(expected)} pictures.*read_images"):
            read_image(tmp_path / "a")


@pytest.mark.parametrize("disposal", [0, 1])
@pytest.mark.parametrize("blend", [0, 1])
def test_frames_of_an_animated_png_are_laid_over_each_other(tmp_path: Path, odd: np.ndarray, disposal: int, blend: int) -> None:
    """As Pillow lays them."""
    pillow = pytest.importorskip("PIL.Image")
    alpha = np.random.default_rng(0).integers(0, 2, (4, *odd.shape[:2]), np.uint8) * 255
    frames = [pillow.fromarray(np.dstack([np.roll(odd, n, axis=1), alpha[n]])) for n in range(4)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], disposal=disposal, blend=blend)
    with pillow.open(tmp_path / "a.png") as expected:
        for number, found in enumerate(read_images(tmp_path / "a.png")):
            expected.seek(number)
            shown = pillow.new("RGBA", expected.size, "white")
            shown.alpha_composite(expected.convert("RGBA"))
            assert np.abs(found[:, :, ::-1].astype(int) - np.asarray(shown.convert("RGB"))).max() <= 1
    assert number == 3


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "AVIF", "MPO"])
def test_several_pictures_of_other_formats(tmp_path: Path, odd: np.ndarray, kind: str) -> None:
    pillow = pytest.importorskip("PIL.Image", reason="OpenCV writes no such file")
    frames = [pillow.fromarray(np.ascontiguousarray(np.roll(odd, shift, axis=0)[:, :, ::-1])) for shift in (0, 30, 60)]
    frames[0].save(tmp_path / "a", kind, save_all=True, append_images=frames[1:])
    try:
        found = list(read_images(tmp_path / "a"))
    except InputError as error:
        assert "OpenCV" in str(error)
        pytest.skip(str(error))
    assert len(found) == 3
    for shift, frame in zip((0, 30, 60), found, strict=True):
        assert np.abs(frame.astype(int) - np.roll(odd, shift, axis=0)).mean() < 20  # lossy, in few colours; else above 60
    with pytest.raises(InputError, match="holds 3 pictures"):
        read_image(tmp_path / "a")


def test_thumbnails_and_masks_are_no_pictures(tmp_path: Path, odd: np.ndarray) -> None:
    data = bytearray(tiff_of([odd, odd[:20, :20]], t254=(0,)))
    second = data.rindex(struct.pack("<HHI", 254, 3, 1))
    data[second + 8] = 1  # a reduced copy
    assert np.array_equal(read(tmp_path / "a", bytes(data)), odd)


def test_the_thumbnail_of_a_raw_file_is_not_judged_in_its_place(tmp_path: Path, odd: np.ndarray) -> None:
    """DNG, NEF and ARW are TIFF files: what the camera saw is in a subdirectory, the first directory holds a small copy."""
    with pytest.raises(InputError, match=r"raw file .*JPEG or PNG"):
        read(tmp_path / "a", tiff_of([odd], t254=(1,), t330=(8,)))
    assert np.array_equal(read(tmp_path / "a", tiff_of([odd], t254=(0,), t330=(8,))), odd)


def test_boxes_in_boxes_without_end(tmp_path: Path, odd: np.ndarray) -> None:
    try:
        data = encoded(".avif", odd)
    except cv2.error:
        pytest.skip("this OpenCV has no AVIF")
    nested = b""
    for _ in range(5000):
        nested = box(b"trak", nested)
    with suppress(InputError):  # whatever the decoder makes of it
        read(tmp_path / "a", data.replace(b"avif", b"avis", 1) + box(b"moov", nested))


def test_gain_maps_are_no_pictures(tmp_path: Path, odd: np.ndarray) -> None:
    """Phones put one behind each photograph, for brighter screens."""
    pillow = pytest.importorskip("PIL.Image", reason="OpenCV writes no such file")
    photograph = pillow.fromarray(odd)
    photograph.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[photograph])
    assert len(list(read_images(tmp_path / "a.jpg"))) == 2
    data = (tmp_path / "a.jpg").read_bytes()
    second = data.rindex(b"\xff\xd8\xff") + 2
    says = b"http://ns.adobe.com/xap/1.0/\0<x hdrgm:Version='1.0'/>"
    segment = b"\xff\xe1" + struct.pack(">H", len(says) + 2) + says
    assert read(tmp_path / "a.jpg", data[:second] + segment + data[second:]).shape == odd.shape


def test_heic(tmp_path: Path, odd: np.ndarray) -> None:
    heif = pytest.importorskip("pillow_heif", reason="pip install pillow-heif")
    heif.from_bytes("RGB", odd.shape[1::-1], np.ascontiguousarray(odd[:, :, ::-1]).tobytes()).save(tmp_path / "a.jpg", quality=90)
    found = read_image(tmp_path / "a.jpg")  # by its content, whatever it is called
    assert found.shape == odd.shape
    assert np.abs(found.astype(int) - odd).mean() < 10
    with pytest.raises(InputError, match="declares"):
        read_image(tmp_path / "a.jpg", max_pixels=1000)


def test_heic_without_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = box(b"ispe", bytes(4) + struct.pack(">II", 64, 48))
    described = box(b"iprp", box(b"ipco", picture) + box(b"ipma", bytes(4) + struct.pack(">IHBB", 1, 1, 1, 1)))
    meta = box(b"meta", bytes(4) + box(b"pitm", bytes(4) + struct.pack(">H", 1)) + described)
    (tmp_path / "a.heic").write_bytes(box(b"ftyp", b"heic\0\0\0\0mif1heic") + meta)
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"a\.heic is a HEIC picture: .*edgefake\[heic\]"):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize("path", [None, 3, ["a.jpg"], True])
def test_what_is_no_picture(path: object) -> None:
    with pytest.raises(InputError, match=f"bytes.*{type(path).__name__}"):
        read_image(path)  # type: ignore[arg-type]


def test_a_picture_in_memory_or_in_an_open_file_is_that_of_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    expected = read_image(path)
    data = path.read_bytes()
    with path.open("rb") as stream:
        for source in (data, bytearray(data), memoryview(data), io.BytesIO(data), stream):
            np.testing.assert_array_equal(read_image(source), expected)
        with pytest.raises(InputError, match=r"a\.png.*seek"):  # read to its end already
            read_image(stream)
    with pytest.raises(InputError, match="closed"):
        read_image(stream)
    with path.open(encoding="latin-1") as text, pytest.raises(InputError, match="rb"):
        read_image(text)  # type: ignore[arg-type]
    for broken in (b"", data[:40], b"photo.jpg"):
        with pytest.raises(InputError, match="in memory"):
            read_image(broken)


@pytest.mark.parametrize("name", ["a\0b.jpg", "x" * 300 + ".jpg", "/".join(["x" * 200] * 30), "\ud800.jpg"])
def test_names_that_no_file_can_have(name: str) -> None:
    with pytest.raises(InputError, match="cannot"):
        read_image(name)
