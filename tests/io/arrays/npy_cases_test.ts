import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { decodeNpy } from "../../../src/io/arrays/npy.ts";
import { TestFolder } from "../../_folder.ts";
import { hasNumpy, runPython } from "../../_numpy.ts";
import { headerOf, integerBytes, makeNpy } from "./_npy.ts";
import { LEGAL, WRONG } from "./_npy_cases.ts";

for (const { name, bytes, shape, values } of LEGAL) {
  Deno.test(`decodeNpy() reads ${name}`, () => {
    const tensor = decodeNpy(bytes);
    assertEquals(tensor.shape, shape);
    assertEquals(tensor.data, Float32Array.from(values));
  });
}

for (const { name, bytes, message } of WRONG) {
  Deno.test(`decodeNpy() refuses ${name}`, () => {
    const error = assertThrows(() => decodeNpy(bytes), SyntaxError, message);
    assertEquals(/^[ -~]{1,200}$/.test(error.message), true, error.message);
  });
}

/** The float32 that is nearest to an integer; the even one of two that are as near. */
function nearestFloat(value: bigint): number {
  if (value < 0n) return -nearestFloat(-value);
  const excess = BigInt(Math.max(value.toString(2).length - 24, 0));
  const unit = 1n << excess;
  const [quotient, rest] = [value / unit, value % unit];
  const up = 2n * rest > unit || (2n * rest === unit && quotient % 2n === 1n);
  return Number((quotient + (up ? 1n : 0n)) * unit);
}

Deno.test("decodeNpy() rounds integers of 64 bits once", () => {
  // A few bits far apart are where two roundings differ from one.
  const bits = fc.array(fc.integer({ min: 0, max: 63 }), { minLength: 1, maxLength: 5 })
    .map((places) => places.reduce((sum, place) => sum + (1n << BigInt(place)), 0n));
  const near = fc.tuple(bits, fc.bigInt({ min: -2n, max: 2n })).map(([sum, more]) => sum + more);
  fc.assert(
    fc.property(near, fc.boolean(), (sum, isSigned) => {
      const value = isSigned ? BigInt.asIntN(64, sum) : BigInt.asUintN(64, sum);
      const header = headerOf(isSigned ? "'<i8'" : "'<u8'", "()");
      const [read] = decodeNpy(makeNpy(header, integerBytes(value, 8))).data;
      assertEquals(read, nearestFloat(value));
    }),
    { seed: 49, numRuns: 3000 },
  );
});

Deno.test({
  name: "NumPy reads the same values from the legal files",
  ignore: !hasNumpy,
  fn() {
    using folder = new TestFolder();
    // NumPy fears a header of more than 10,000 characters, and has no lists as shapes.
    const others = new Set(["a list as shape", "the longest header of version 1"]);
    const files = LEGAL.filter(({ name }) => !others.has(name));
    for (const [index, { bytes }] of files.entries()) {
      Deno.writeFileSync(folder.file(`${index}.npy`), bytes);
    }
    const printed = runPython(
      `
import json, sys, warnings, numpy as np
warnings.simplefilter("ignore")
for i in range(int(sys.argv[2])):
    a = np.load(f"{sys.argv[1]}/{i}.npy")
    with np.errstate(all="ignore"):
        b = a.astype("<f4")
    print(json.dumps([list(a.shape), b.tobytes().hex()]))
`,
      folder.path,
      String(files.length),
    );
    const lines = printed.trim().split("\n");
    for (const [index, { name, bytes }] of files.entries()) {
      const { shape, data } = decodeNpy(bytes);
      const hex = new Uint8Array(data.buffer).toHex();
      assertEquals(JSON.parse(lines[index] ?? ""), [shape, hex], name);
    }
  },
});

Deno.test({
  name: "decodeNpy() reads arrays of any order and type as NumPy does",
  ignore: !hasNumpy,
  fn() {
    using folder = new TestFolder();
    const printed = runPython(
      `
import json, sys, numpy as np
random = np.random.default_rng(7)
for i in range(200):
    shape = tuple(int(n) for n in random.integers(0 if i % 9 == 0 else 1, 6, random.integers(0, 6)))
    dtype = np.dtype(str(random.choice(["f2", "f4", "f8", "?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"])))
    dtype = dtype.newbyteorder(str(random.choice(["<", ">"])))
    raw = random.integers(0, 256, int(np.prod(shape)) * dtype.itemsize, dtype="u1").tobytes()
    if dtype.kind == "b":
        raw = bytes(byte & 1 for byte in raw)
    a = np.frombuffer(raw, dtype).reshape(shape)
    if dtype.kind == "f":
        a = np.nan_to_num(a, nan=3)
    if i % 2:
        a = np.asfortranarray(a)
    with open(f"{sys.argv[1]}/{i}.npy", "wb") as f:
        np.lib.format.write_array(f, a, version=(1 + i % 3, 0))
    with np.errstate(all="ignore"):
        print(json.dumps([list(a.shape), np.ascontiguousarray(a.astype("<f4")).tobytes().hex()]))
`,
      folder.path,
    );
    for (const [index, line] of printed.trim().split("\n").entries()) {
      const { shape, data } = decodeNpy(Deno.readFileSync(folder.file(`${index}.npy`)));
      assertEquals(
        [shape, new Uint8Array(data.buffer).toHex()],
        JSON.parse(line),
        `array ${index}`,
      );
    }
  },
});
