import { assertEquals } from "@std/assert";
import { kindOf } from "../../src/io/file_kind.ts";
import { encodeNpy } from "../../src/io/arrays/npy.ts";
import { encodeSafetensors } from "../../src/io/arrays/safetensors.ts";
import { encodeTorch } from "../../src/io/arrays/torch/encode.ts";
import { encodePng } from "../../src/io/pictures/png.ts";
import { encodeWav } from "../../src/io/sound/wav.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

Deno.test("kindOf() knows files by their first bytes", async () => {
  const cases: Readonly<Record<string, string | undefined>> = {
    "\xff\xd8\xff\xe1\x00\x18Exif": "a JPEG picture",
    "GIF89a": "a GIF picture",
    "RIFF\x10\x00\x00\x00WEBPVP8L": "a WebP picture",
    "RIFF\x10\x00\x00\x00WAVEfmt ": "a WAV sound",
    "BM\x36\x00": "a BMP picture",
    "II*\0\x08": "a TIFF picture",
    "PK\x03\x04\x14": "a ZIP archive, as .npz and .pt files are",
    "\0\0\0\x1cftypavif": "an AVIF picture",
    "<!DOCTYPE HTML>": "an HTML page",
    "\x1f\x8b\x08": "a gzip file",
    "\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.": "a file of PyTorch",
    "1 2 3": undefined,
    "PK": undefined,
    "": undefined,
  };
  for (const [start, kind] of Object.entries(cases)) assertEquals(kindOf(bytesOf(start)), kind);
  const png = await encodePng({ pixels: Tensor.ones([1, 1, 1]), bitDepth: 8 });
  assertEquals(kindOf(png), "a PNG file");
  const x = Tensor.ones([2]);
  assertEquals(kindOf(encodeNpy(x)), "a .npy file");
  assertEquals(kindOf(encodeSafetensors({ x })), "a .safetensors file");
  assertEquals(kindOf(encodeTorch({ x })), "a ZIP archive, as .npz and .pt files are");
  assertEquals(kindOf(encodeWav({ samples: x.reshape([1, 2]), sampleRate: 1 })), "a WAV sound");
});
