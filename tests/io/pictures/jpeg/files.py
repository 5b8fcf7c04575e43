"""Writes files.jsonl: small JPEG files of libjpeg and ImageMagick, each with the pixels that ImageMagick reads from it.

    python3 tests/io/pictures/jpeg/files.py > tests/io/pictures/jpeg/files.jsonl
"""

import base64
import json
import subprocess
import tempfile

WIDTH, HEIGHT = 21, 19


def run(*args, stdin=None):
    return subprocess.run(list(map(str, args)), check=True, capture_output=True, input=stdin).stdout


def write(name, jpeg, error=None):
    line = {"name": name, "bytes": base64.b64encode(jpeg).decode()}
    if error is not None:
        line["error"] = error
    else:
        grey = run("identify", "-format", "%[colorspace]", "jpg:-", stdin=jpeg) == b"Gray"
        kind = "gray" if grey else "rgb"
        width, height = map(int, run("convert", "jpg:-", "-auto-orient", "-format", "%w %h", "info:", stdin=jpeg).split())
        pixels = run("convert", "jpg:-", "-auto-orient", "-depth", 8, f"{kind}:-", stdin=jpeg)
        line["shape"] = [len(pixels) // (width * height), height, width]
        line["pixels"] = base64.b64encode(pixels).decode()
    print(json.dumps(line))


def picture(width, height):
    """Smooth colours, an edge and some noise, as binary PPM."""
    pixels = bytearray()
    for y in range(height):
        for x in range(width):
            noise = (x * 7919 + y * 104729) % 31
            edge = 60 if x > y else 0
            pixels += bytes(
                min(255, value)
                for value in (x * 255 // width, y * 200 // height + edge, 255 - (x + y) * 2 + noise if x + y < 100 else noise)
            )
    return b"P6 %d %d 255\n" % (width, height) + pixels


ppm = picture(WIDTH, HEIGHT)
pgm = run("convert", "ppm:-", "-colorspace", "Gray", "pgm:-", stdin=ppm)
for sample in ("1x1", "2x1", "1x2", "2x2", "4x1", "3x1", "2x2,1x1,1x2", "1x1,2x2,2x2"):
    for mode in ((), ("-progressive",)):
        write(" ".join(("samples", sample, *mode)), run("cjpeg", "-quality", 80, "-sample", sample, *mode, stdin=ppm))
for mode in ((), ("-progressive",)):
    for restart in ("1", "3B"):
        name = " ".join(("restart", restart, *mode))
        write(name, run("cjpeg", "-quality", 80, "-restart", restart, *mode, stdin=ppm))
        write(f"grey {name}", run("cjpeg", "-quality", 80, "-restart", restart, *mode, stdin=pgm))
    write(" ".join(("grey", *mode)), run("cjpeg", "-quality", 80, *mode, stdin=pgm))
    write(" ".join(("RGB", *mode)), run("cjpeg", "-rgb", "-quality", 80, *mode, stdin=ppm))
    write(" ".join(("optimized", *mode)), run("cjpeg", "-optimize", "-quality", 50, *mode, stdin=ppm))
    for quality in (1, 30, 100):
        write(" ".join(("quality", str(quality), *mode)), run("cjpeg", "-quality", quality, *mode, stdin=ppm))
with tempfile.NamedTemporaryFile("w") as scans:
    scans.write("0;\n1;\n2;\n")
    scans.flush()
    write("components one after the other", run("cjpeg", "-quality", 80, "-scans", scans.name, stdin=ppm))
for width, height in ((1, 1), (2, 3), (3, 2), (5, 1), (16, 16), (17, 8)):
    write(f"{width} x {height} pixels", run("cjpeg", "-quality", 80, stdin=picture(width, height)))
write("four inks", run("convert", "ppm:-", "-colorspace", "CMYK", "-quality", 90, "jpg:-", stdin=ppm))
write("12-bit tables", run("cjpeg", "-quality", 1, "-qslots", "0,1,1", stdin=ppm))
jpeg = run("cjpeg", "-quality", 80, stdin=ppm)
for orientation in range(1, 9):
    for order, words in (("II", "little"), ("MM", "big")):
        number = lambda value, size: value.to_bytes(size, words)
        entries = [(0x010F, 2, 4, b"abc\0"), (0x0112, 3, 1, number(orientation, 2) + b"\0\0")]
        tiff = order.encode() + number(42, 2) + number(8, 4) + number(len(entries), 2)
        for tag, kind, count, value in entries:
            tiff += number(tag, 2) + number(kind, 2) + number(count, 4) + value
        tiff += number(0, 4)
        exif = b"Exif\0\0" + tiff
        segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
        if order == "II" or orientation == 6:
            write(f"orientation {orientation}, {words} end first", jpeg[:2] + segment + jpeg[2:])
write("arithmetic coding", run("cjpeg", "-arithmetic", stdin=ppm), error="it is an arithmetically coded JPEG picture")
