"""Render ``portrait.jpg``, the picture that the README and the tests use: a person who does not exist, drawn by this file alone.

The head is a relief (one height per pixel) with colours painted on it, lit by a key light that casts soft shadows, a fill light
and the sky. Lengths are in half widths of the face; x points right, y down, z towards the camera.

    python tests/images/draw_portrait.py
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from edgefake.pixels import Pixels

Map = npt.NDArray[np.float32]
"""H×W, or H×W×3 for colours: BGR, linear light, 0…1."""

WIDTH, HEIGHT = 480, 600
UNIT = 124.0  # pixels in half a face
FINE = 2  # drawn at twice the size, then averaged, for smooth edges
CENTRE = (0.0, 0.02)

GROUND = -0.42  # lower than this, there is only the backdrop

KEY = (-0.66, -0.55, 0.72)
FILL = (0.85, -0.05, 0.55)

SKIN = (0.255, 0.375, 0.625)
HAIR = (0.022, 0.034, 0.060)
LIPS = (0.150, 0.145, 0.420)
SWEATER = (0.150, 0.085, 0.050)


def draw_portrait() -> Pixels:
    """The picture: uint8, 600×480×3, BGR; the same on every call."""
    rng = np.random.default_rng(7)
    size = (HEIGHT * FINE, WIDTH * FINE)
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    x = (columns - size[1] / 2) / (UNIT * FINE) - CENTRE[0]
    y = (rows - size[0] / 2) / (UNIT * FINE) + CENTRE[1]

    height, colour, gloss = _body(x, y, rng)
    for layer in (_ears, _face, _eyes, _hair):
        height, colour, gloss = layer(x, y, height, colour, gloss, rng)
    light = _lit(height, colour, gloss, _backdrop(x, y))
    return _developed(light, rng)


def _body(x: Map, y: Map, rng: np.random.Generator) -> tuple[Map, Map, Map]:
    """Neck and sweater; where nothing is, the height is far below zero."""
    neck = _ellipsoid(x, y - 1.25, 0.55 + 0.05 * np.abs(y - 1.2), 1.6, 0.45) - 0.42
    neck -= 0.05 * _blob(x, y, 0.0, 1.9, 0.10, 0.25)
    shoulders = _ellipsoid(x, y - 3.15, 2.25, 1.42, 0.75) - 0.55
    collar = _blob(np.hypot(x / 0.78, (y - 1.62) / 0.52), y * 0, 1.0, 0.0, 0.09, 1.0) * (y > 1.55)
    shoulders = _smooth_max(shoulders, _ellipsoid(x, y - 2.2, 0.95, 0.72, 0.5) - 0.42, 0.12) + 0.05 * collar
    knit = np.sin(x * 95.0 + 0.25 * np.sin(y * 60.0)) * np.sin(y * 60.0)
    shoulders += 0.0025 * knit.astype(np.float32)
    covered = _step(np.hypot(x / 0.72, (y - 1.50) / 0.52) - 1.0, 0.02) * _step(shoulders + 0.55, 0.05)
    height = neck * (1 - covered) + np.maximum(shoulders, neck + 0.03) * covered
    cloth = np.array(SWEATER, np.float32) * (1 + 0.10 * knit + 0.08 * _noise(x.shape, 3.0, rng))[..., None]
    return height, _mix(_skin(x, y, rng), cloth, covered), np.where(covered > 0.5, 0.03, 0.25).astype(np.float32)


def _ears(x: Map, y: Map, height: Map, colour: Map, gloss: Map, rng: np.random.Generator) -> tuple[Map, Map, Map]:
    side = np.abs(x)
    lean = side - 0.99 - 0.16 * (0.05 - y)
    ear = _ellipsoid(lean, y + 0.07 + 0.3 * np.abs(lean), 0.115, 0.32, 0.16) - 0.35
    ear -= 0.09 * _blob(lean, y, 0.005, -0.04, 0.055, 0.17)
    inside = _step(ear + 0.33, 0.02)
    colour = _mix(colour, _skin(x, y, rng) * np.array((0.85, 0.85, 1.0), np.float32), inside)
    return np.where(inside > 0.5, np.maximum(height, ear), height), colour, gloss


def _face(x: Map, y: Map, height: Map, colour: Map, gloss: Map, rng: np.random.Generator) -> tuple[Map, Map, Map]:
    side = np.abs(x)
    skull = _ellipsoid(x, y + 0.38, 1.0, 1.05, 0.95)
    jaw = _ellipsoid(x, y - 0.38, 0.81, 0.97, 0.86)
    relief = _smooth_max(skull, jaw, 0.50)
    inside = _step(relief - 0.10, 0.05)
    for amount, cx, cy, wide, high in (
        (-0.125, 0.40, -0.10, 0.20, 0.125),  # eye socket
        (0.055, 0.42, -0.36, 0.25, 0.075),  # brow ridge
        (0.070, 0.52, 0.22, 0.20, 0.20),  # cheek
        (-0.050, 0.66, 0.58, 0.16, 0.22),  # below the cheekbone
        (0.095, 0.14, 0.345, 0.065, 0.065),  # side of the nose
        (-0.020, 0.31, 0.52, 0.05, 0.14),  # fold from nose to mouth
    ):
        relief += amount * _blob(side, y, cx, cy, wide, high)
    along = np.clip((y + 0.25) / 0.55, 0, 1)
    bridge = (0.06 + 0.22 * along) * np.exp(-((x / (0.070 + 0.03 * along)) ** 2)) * _step(y + 0.30, 0.16) * _step(0.36 - y, 0.07)
    relief += bridge.astype(np.float32)
    for amount, cx, cy, wide, high in (
        (0.150, 0.0, 0.285, 0.105, 0.095),  # tip of the nose
        (0.060, 0.0, 0.72, 0.30, 0.17),  # mouth
        (-0.022, 0.0, 0.53, 0.035, 0.06),  # groove below the nose
        (-0.040, 0.0, 0.915, 0.16, 0.045),  # above the chin
        (0.075, 0.0, 1.08, 0.17, 0.13),  # chin
    ):
        relief += amount * _blob(x, y, cx, cy, wide, high)
    relief, lips = _mouth(x, y, relief)
    relief += 0.0016 * _noise(x.shape, 1.6, rng)  # pores

    skin = _skin(x, y, rng)
    nostril = _blob(side, y, 0.075, 0.425, 0.036, 0.020)
    skin = skin * (1 - 0.85 * np.clip(1.6 * nostril, 0, 1))[..., None]
    skin = _mix(skin, np.array(LIPS, np.float32) * (1 + 0.08 * _noise(x.shape, 2.0, rng))[..., None], 0.75 * lips)
    line = np.exp(-(((y - _mouth_line(x)) / 0.012) ** 2)) * _step(0.345 - side, 0.05)
    skin = _mix(skin, np.array((0.03, 0.025, 0.07), np.float32), 0.9 * line)
    skin = _mix(skin, np.array(HAIR, np.float32), _brow(x, y, rng))
    return (
        np.where(inside > 0, np.maximum(height, relief), height).astype(np.float32),
        _mix(colour, skin, inside),
        (gloss * (1 - inside) + inside * (0.30 + 0.35 * lips)).astype(np.float32),
    )


def _mouth_line(x: Map) -> Map:
    return (0.700 + 0.012 * np.cos(x * 22.0) * np.exp(-((x / 0.12) ** 2)) - 0.10 * x**2).astype(np.float32)


def _mouth(x: Map, y: Map, relief: Map) -> tuple[Map, Map]:
    """The relief with lips, and where they are (0…1)."""
    line, narrow = _mouth_line(x), np.clip(1 - (x / 0.36) ** 2, 0, 1)
    upper = line - y
    top = 0.092 * narrow**0.8 - 0.018 * np.exp(-((x / 0.05) ** 2))
    bottom = 0.135 * narrow**0.7
    lips = _step(top - upper, 0.02) * _step(upper + bottom, 0.03) * _step(narrow, 0.10)
    full = 0.035 * np.exp(-(((upper - 0.035) / 0.035) ** 2)) + 0.050 * np.exp(-(((upper + 0.060) / 0.050) ** 2))
    groove = 0.035 * np.exp(-((upper / 0.016) ** 2))
    return (relief + (full * narrow - groove * np.sqrt(narrow)) * (narrow > 0)).astype(np.float32), lips


def _brow(x: Map, y: Map, rng: np.random.Generator) -> Map:
    """How much of the colour is the eyebrows' (0…1)."""
    side = np.abs(x)
    t = np.clip((side - 0.14) / 0.56, 0, 1)
    middle = -0.335 - 0.085 * np.sin(t * 2.1) + 0.02 * t
    thick = 0.060 * (1 - 0.60 * t)
    strands = _noise(x.shape, 1.0, rng, stretch=3.5)
    band = np.exp(-(np.abs((y - middle) / thick) ** 3)) * _step(side - 0.13, 0.08) * _step(0.74 - side, 0.12)
    return np.clip(band * (1.0 + 0.20 * strands), 0, 0.95).astype(np.float32)


def _eyes(x: Map, y: Map, height: Map, colour: Map, gloss: Map, rng: np.random.Generator) -> tuple[Map, Map, Map]:
    side = np.abs(x)
    u, v = (side - 0.40) / 0.205, y + 0.10 + 0.05 * (side - 0.40)
    wide = np.clip(1 - u**2, 0, 1)
    upper, lower = -0.088 * wide**0.62, 0.056 * wide**0.75
    opening = _step(v - upper, 0.012) * _step(lower - v, 0.012) * _step(wide - 0.03, 0.05)

    ball = _ellipsoid(side - 0.40, v, 0.24, 0.24, 0.16)
    floor = height - 0.05 + ball - 0.105
    height = height + 0.030 * np.exp(-(((v - upper + 0.030) / 0.026) ** 2)) * np.sqrt(wide)  # upper lid
    height = height - 0.028 * np.exp(-(((v - upper + 0.075) / 0.014) ** 2)) * wide  # its crease
    height = height + 0.016 * np.exp(-(((v - lower - 0.022) / 0.022) ** 2)) * wide

    iris_x = np.sign(x) * 0.40 - 0.008
    radius = np.hypot(x - iris_x, y + 0.112)
    angle = np.arctan2(y + 0.112, x - iris_x)
    rays = 1 + 0.22 * np.sin(angle * 23.0 + 3 * np.sin(angle * 7.0)) * _step(radius - 0.03, 0.02)
    iris = np.array((0.075, 0.085, 0.10), np.float32) * (rays * (0.75 + 5.0 * np.clip(radius - 0.035, 0, 0.05)))[..., None]
    white = np.array((0.60, 0.60, 0.62), np.float32) * (1 - 0.35 * u**2)[..., None]
    eye = _mix(white, iris, _step(0.083 - radius, 0.012))
    eye = _mix(eye, np.array((0.02, 0.02, 0.025), np.float32), np.exp(-(((radius - 0.083) / 0.012) ** 2)) * 0.8)
    eye = _mix(eye, np.array((0.004, 0.004, 0.004), np.float32), _step(0.034 - radius, 0.010))
    eye = eye * (0.35 + 0.65 * _step(v - upper - 0.028, 0.05))[..., None]  # shade of the lid
    eye = eye + (1.1 * _blob(x, y, iris_x - 0.026, -0.142, 0.013, 0.014))[..., None]  # the key light mirrored

    colour = _mix(colour, eye, opening)
    lashes = np.exp(-(((v - upper + 0.004) / 0.014) ** 2)) * _step(wide - 0.06, 0.10)
    colour = _mix(colour, np.array((0.012, 0.014, 0.02), np.float32), 0.92 * lashes)
    rim = np.exp(-(((v - lower - 0.004) / 0.009) ** 2)) * _step(wide - 0.08, 0.15)
    colour = _mix(colour, np.array((0.06, 0.07, 0.16), np.float32), 0.55 * rim)
    height = np.where(opening > 0.5, np.maximum(floor, height - 0.06), height)
    return height.astype(np.float32), colour, (gloss * (1 - opening) + 0.15 * opening).astype(np.float32)


def _hair(x: Map, y: Map, height: Map, colour: Map, gloss: Map, rng: np.random.Generator) -> tuple[Map, Map, Map]:
    angle = np.arctan2(x - 0.25, -(y + 0.25)).astype(np.float32)
    distance = np.hypot(x - 0.25, y + 0.25)
    strands = _strands(angle, distance, rng)
    edge, ruffled = 0.030 * strands, 1 - 0.010 * strands
    cap = _ellipsoid(x * ruffled, (y + 0.46) * ruffled, 1.06, 1.14, 1.05)
    sides = _smooth_max(cap, _ellipsoid(x * ruffled, y + 0.12, 1.05, 0.70, 0.70), 0.10)
    side = np.abs(x)
    line = -0.90 + 0.05 * np.cos(4.0 * (x - 0.25)) + 0.10 * side**2 + 1.15 * np.clip(side - 0.72, 0, None) ** 0.75
    temple = 0.02 - 0.8 * np.clip(side - 0.93, 0, None)
    inside = _step(sides - 0.05 + edge, 0.06) * _step(np.minimum(line, temple) - y + 1.6 * edge, 0.07)
    inside = np.where(height < GROUND, inside > 0.5, inside).astype(np.float32)  # nothing to shine through there
    top = np.maximum(sides + 0.10, height + 0.035) + 0.022 * strands
    locks = np.array(HAIR, np.float32) * np.clip(1.15 + 0.75 * strands, 0.25, 4.0)[..., None]
    height = height * (1 - inside) + top * inside
    return height.astype(np.float32), _mix(colour, locks, inside), (gloss * (1 - inside) + 0.10 * inside).astype(np.float32)


def _strands(angle: Map, distance: Map, rng: np.random.Generator) -> Map:
    """Hair combed away from the parting: noise that is long in ``distance`` and fine in ``angle``; about -2…2."""
    total = np.zeros_like(angle)
    for lines, length, amount in ((160, 5, 0.65), (420, 9, 0.45), (50, 3, 0.45)):
        grid = rng.standard_normal((length, lines)).astype(np.float32)
        across = (angle + 0.10 * np.sin(4 * distance) + np.float32(np.pi)) / (2 * np.pi) * (lines - 1)
        total += amount * cv2.remap(
            grid, across, np.clip(distance / 2.2, 0, 1) * (length - 1), cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP
        )
    return total


def _skin(x: Map, y: Map, rng: np.random.Generator) -> Map:
    """Skin colour: redder on cheeks, nose and chin, uneven everywhere."""
    side = np.abs(x)
    red = (
        0.9 * _blob(side, y, 0.52, 0.26, 0.24, 0.20)
        + 0.8 * _blob(x, y, 0.0, 0.30, 0.14, 0.14)
        + 0.3 * _blob(x, y, 0.0, 1.05, 0.2, 0.15)
    )
    stubble = 0.6 * _blob(side, y, 0.35, 0.95, 0.40, 0.28) + 0.35 * _blob(x, y, 0.0, 0.56, 0.25, 0.08)
    uneven = (
        0.045 * _noise(x.shape, 22.0, rng) + 0.035 * _noise(x.shape, 5.0, rng) + 0.04 * _noise(x.shape, 1.4, rng) * (1 + stubble)
    )
    tint = (
        1
        + red[..., None] * np.array((-0.16, -0.17, 0.02), np.float32)
        + stubble[..., None] * np.array((-0.10, -0.16, -0.20), np.float32)
    )
    return (np.array(SKIN, np.float32) * tint * (1 + uneven)[..., None]).astype(np.float32)


def _backdrop(x: Map, y: Map) -> Map:
    """A studio wall, brighter behind the shoulder on the right."""
    glow = np.exp(-(((x - 0.9) / 2.0) ** 2) - ((y - 0.3) / 1.9) ** 2)[..., None]
    return (np.array((0.085, 0.080, 0.072), np.float32) + glow * np.array((0.205, 0.190, 0.170), np.float32)).astype(np.float32)


def _lit(height: Map, colour: Map, gloss: Map, backdrop: Map) -> Map:
    """The picture in linear light: relief and colours under the lights, before the backdrop."""
    smooth = cv2.GaussianBlur(height, (0, 0), 0.9 * FINE)
    there = cv2.GaussianBlur((height > GROUND).astype(np.float32), (0, 0), 0.5 * FINE)
    normal = _normals(smooth)
    shade = _shadow(smooth, KEY)
    hollow = np.clip(cv2.GaussianBlur(smooth, (0, 0), 0.10 * UNIT * FINE) - smooth, 0, 0.3)
    open_sky = np.clip(1 - 2.6 * hollow, 0.25, 1)[..., None]

    light = np.zeros_like(colour)
    for source, tint, strength, shadow in ((KEY, (0.92, 0.98, 1.05), 1.45, shade), (FILL, (1.06, 1.0, 0.94), 0.30, 1.0)):
        direction = np.array(source, np.float32) / np.float32(np.linalg.norm(source))
        facing = normal @ direction
        # Light that enters the skin comes out further on, red the most: each colour wraps a little around the form.
        wrap = np.array((0.08, 0.12, 0.24), np.float32)
        diffuse = np.clip((facing[..., None] + wrap) / (1 + wrap), 0, None)
        soft = np.broadcast_to(np.asarray(shadow, np.float32), facing.shape)[..., None] ** np.array((1.1, 1.0, 0.75), np.float32)
        half = direction + np.array((0, 0, 1), np.float32)
        mirror = np.clip(normal @ (half / np.linalg.norm(half)), 0, None) ** 22
        light += strength * np.array(tint, np.float32) * soft * (colour * diffuse + (0.32 * gloss * mirror)[..., None])
    sky = 0.26 + 0.14 * np.clip(-normal[..., 1:2], -1, 1)
    light += colour * sky * open_sky
    return backdrop * (1 - there)[..., None] + light * there[..., None]


def _normals(height: Map) -> Map:
    slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8) * UNIT * FINE
    slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8) * UNIT * FINE
    normal = np.dstack((-slope_x, -slope_y, np.ones_like(height)))
    return (normal / np.linalg.norm(normal, axis=2, keepdims=True)).astype(np.float32)


def _shadow(height: Map, source: tuple[float, float, float], reach: float = 1.3) -> Map:
    """How much of the light arrives (0…1): a walk towards it over the relief, softer the farther away the edge that hides it."""
    rows, columns = height.shape
    arriving = np.ones_like(height)
    for step in np.geomspace(0.02, reach, 36):
        across, down, up = (float(step) * s / float(np.hypot(*source[:2])) for s in source)
        shift = np.array(((1, 0, across * UNIT * FINE), (0, 1, down * UNIT * FINE)), np.float32)
        there = cv2.warpAffine(
            height, shift, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
        clear = (height + np.float32(up) - there) / np.float32(0.05 + 0.35 * step)
        arriving = np.minimum(arriving, np.clip(0.5 + clear, 0, 1))
    return cv2.GaussianBlur(arriving, (0, 0), 2.0 * FINE)  # type: ignore[return-value]


def _developed(light: Map, rng: np.random.Generator) -> Pixels:
    """Exposure, lens and sensor: linear light at drawing size to an 8-bit picture."""
    small = cv2.resize(light, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    small = 0.88 * small + 0.12 * cv2.GaussianBlur(small, (0, 0), 6.0)  # a little glow
    small = 1.25 * small
    shot = rng.standard_normal(small.shape).astype(np.float32) * np.sqrt(np.clip(small, 0, None)) * 0.010
    film = np.clip((small + shot) / (1 + 0.28 * small), 0, 1)
    return np.round(255 * film ** (1 / 2.2)).astype(np.uint8)


def _ellipsoid(x: Map, y: Map, a: float, b: float, c: float) -> Map:
    """Height of an ellipsoid's front; outside its outline it goes on falling, so that forms can be blended."""
    inside = 1 - (x / a) ** 2 - (y / b) ** 2
    return (c * np.sign(inside) * np.sqrt(np.abs(inside))).astype(np.float32)


def _blob(x: Map, y: Map, cx: Map | float, cy: float, wide: float, high: float) -> Map:
    return np.exp(-(((x - cx) / wide) ** 2) - ((y - cy) / high) ** 2).astype(np.float32)


def _smooth_max(a: Map, b: Map, blend: float) -> Map:
    overlap = np.clip(blend - np.abs(a - b), 0, None) / blend
    return (np.maximum(a, b) + overlap**2 * blend / 4).astype(np.float32)


def _step(value: Map, width: float) -> Map:
    """0 below -width/2, 1 above width/2, smooth between."""
    t = np.clip(value / width + 0.5, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def _mix(a: Map, b: Map, share: Map) -> Map:
    return (a + (b - a) * share[..., None]).astype(np.float32)


def _noise(shape: tuple[int, ...], grain: float, rng: np.random.Generator, *, stretch: float = 1.0) -> Map:
    """Smooth noise of variance 1; ``grain`` in pixels of the finished picture, ``stretch`` times as long upwards as across."""
    raw = rng.standard_normal(shape).astype(np.float32)
    soft = cv2.GaussianBlur(raw, (0, 0), sigmaX=grain * FINE / 2, sigmaY=grain * FINE / 2 * stretch)
    return (soft / soft.std()).astype(np.float32)


if __name__ == "__main__":
    target = Path(__file__).with_name("portrait.jpg")
    cv2.imwrite(str(target), draw_portrait(), [cv2.IMWRITE_JPEG_QUALITY, 92])
    print(f"{target}: {target.stat().st_size / 1000:.0f} kB")
