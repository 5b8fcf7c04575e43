import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import * as files from "../../src/io/mod.ts";
import { Tensor } from "../../src/tensor/tensor.ts";

const ROOT = new URL("../../", import.meta.url);

/** All that a module imports, and what that imports. */
async function importsOf(module: string): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const visit = async (url: URL) => {
    if (found.has(url.href)) return;
    found.add(url.href);
    const text = await Deno.readTextFile(url);
    for (const [, name = ""] of text.matchAll(/^(?:import|export) [^;=]*?from "([^"]+)";/gm)) {
      if (name.startsWith(".")) await visit(new URL(name, url));
      else found.add(name);
    }
  };
  await visit(new URL(module, ROOT));
  return found;
}

Deno.test("The readers of files import nothing that only one runtime has", async () => {
  const packages = [...await importsOf("src/io/mod.ts")]
    .filter((name) => !name.startsWith(ROOT.href));
  assertEquals(packages, ["fflate"]);
});

/** Decodes and encodes everything; reads and writes nothing. */
const SCRIPT = `
const { Tensor } = await import("./mod.ts");
const files = await import("./src/io/mod.ts");
for (const name of ["Deno", "process", "Buffer", "global"]) delete globalThis[name];
delete ReadableStream.from;
const x = Tensor.from([[1, 2, 3]]);
const picture = { pixels: Tensor.from([[[0, 1]]]), bitDepth: 8 };
const jpeg = Uint8Array.from(atob(JPEG), (character) => character.charCodeAt(0));
const read = [
  files.decodeNpy(files.encodeNpy(x)).size,
  files.decodeNpz(files.encodeNpz({ x })).x.size,
  files.decodeSafetensors(files.encodeSafetensors({ x })).x.size,
  files.decodeTorch(files.encodeTorch({ x })).x.size,
  files.decodeTensors(files.encodeTorch({ x })).x.size,
  files.decodePng(await files.encodePng(picture)).pixels.size,
  files.decodeJpeg(jpeg).pixels.size,
  files.decodeJpeg(files.encodeJpeg(picture)).pixels.size,
  files.decodeWav(files.encodeWav({ samples: x, sampleRate: 8000 })).samples.size,
];
const refused = await files.readNpy("a.npy").catch((error) => String(error));
console.log(JSON.stringify([read, refused]));
`;

Deno.test("Bytes are decoded and encoded where there is neither Deno nor Node.js", () => {
  const { bytes } = JSON.parse(
    Deno.readTextFileSync(new URL("pictures/jpeg/files.jsonl", import.meta.url)).split("\n")[0] ??
      "",
  );
  const script = SCRIPT.replace("JPEG", JSON.stringify(bytes));
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--lock=deno.lock", "--frozen", "--ext=ts", script],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
  }).outputSync();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(success, true);
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), [
    [3, 3, 3, 3, 3, 2, 3 * 21 * 19, 2, 3],
    'FileError: Cannot read "a.npy": files are named by path only in Deno, Node.js and Bun; use bytes here',
  ]);
});

Deno.test("The buffers of Node.js are read as other bytes are, wherever they lie", async () => {
  const x = Tensor.from([1, 2, 3]);
  const picture = { pixels: Tensor.from([[[0, 1]]]), bitDepth: 8 as const };
  const samples = Tensor.from([[0, 0.5]]);
  /** The same bytes in the middle of a larger buffer, at an odd address. */
  const within = (bytes: Uint8Array) =>
    Buffer.concat([new Uint8Array(3), bytes, new Uint8Array(5)]).subarray(3, 3 + bytes.length);
  assertEquals(files.decodeNpy(within(files.encodeNpy(x))).data, x.data);
  for (const encode of [files.encodeNpz, files.encodeTorch, files.encodeSafetensors]) {
    assertEquals(files.decodeTensors(within(encode({ x })))["x"]?.data, x.data);
  }
  const png = within(await files.encodePng(picture));
  assertEquals(files.decodePng(png).pixels.data, picture.pixels.data);
  const wav = within(files.encodeWav({ samples, sampleRate: 8000 }));
  assertEquals(files.decodeWav(wav).samples.data, samples.data);
});
