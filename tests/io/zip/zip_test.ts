import { assert, assertEquals, assertThrows } from "@std/assert";
import { deflateRawSync } from "node:zlib";
import { MemoryBudget } from "../../../src/io/memory_budget.ts";
import { ByteWriter } from "../../../src/io/writer.ts";
import { readZip } from "../../../src/io/zip/directory.ts";
import { unpack } from "../../../src/io/zip/unpack.ts";
import { encodeZip } from "../../../src/io/zip/write.ts";
import { TestFolder } from "../../_folder.ts";
import { hasNumpy, runPython } from "../../_numpy.ts";
import { readOrRefuse } from "../_refused.ts";
import { makeZip } from "./_zip.ts";

/** All files of an archive, unpacked. */
function unzip(bytes: Uint8Array, mostBytes = 1e6): ReadonlyMap<string, Uint8Array> {
  const budget = new MemoryBudget(mostBytes);
  return new Map(
    Array.from(readZip(bytes), ([name, entry]) => [name, unpack(entry, budget)]),
  );
}

const TEXT = new TextEncoder().encode("some text, ".repeat(100));
const DEFLATED = {
  name: "a",
  bytes: TEXT,
  packed: new Uint8Array(deflateRawSync(TEXT)),
  method: 8,
};

Deno.test("readZip() reads back what encodeZip() writes, whatever the names", () => {
  const names = ["a/b.npy", "größe", "__proto__", "..a", "a..b/c...", " "];
  const files = names.map((name, index) => ({ name, bytes: new Uint8Array(index).fill(index) }));
  const read = unzip(encodeZip("test", files));
  assertEquals([...read.keys()], names);
  for (const { name, bytes } of files) assertEquals(read.get(name), bytes);
  assertEquals(unzip(encodeZip("test", [])).size, 0);
});

Deno.test("encodeZip() writes no name that it would not read", () => {
  for (const name of ["", "../a", "a/../b", "/a", "c:a", "a\\b", "a\nb"]) {
    const files = [{ name, bytes: new Uint8Array() }];
    assertThrows(() => encodeZip("test", files), RangeError, "can be called");
  }
});

const NUMBERS_64 = (...values: readonly number[]) => {
  const writer = new ByteWriter();
  for (const value of values) writer.uint32(value % 2 ** 32, Math.floor(value / 2 ** 32));
  return writer.join();
};

/** An extra field. */
function extra(id: number, data: Uint8Array): Uint8Array {
  return new ByteWriter().uint16(id, data.length).bytes(data).join();
}

/** The end of a large archive, in front of the plain one. */
function end64(count: number, size: number, offset: number, at: number): Uint8Array {
  return new ByteWriter().uint32(0x06064b50).bytes(NUMBERS_64(44)).uint16(45, 45).uint32(0, 0)
    .bytes(NUMBERS_64(count, count, size, offset))
    .uint32(0x07064b50, 0).bytes(NUMBERS_64(at)).uint32(1).join();
}

const DIRECTORY_AT = 30 + 1 + TEXT.length;
const DIRECTORY_BYTES = 46 + 1;
const STORED = { name: "a", bytes: TEXT };

const LEGAL: readonly (readonly [name: string, bytes: Uint8Array])[] = [
  ["a stored file", makeZip([STORED])],
  ["a deflated file", makeZip([DEFLATED])],
  ["a comment", makeZip([STORED], { comment: TEXT })],
  ["sizes behind the data", makeZip([{ ...DEFLATED, flags: 0x808 }])],
  ["a folder", makeZip([STORED, { name: "folder/" }])],
  [
    "sizes of eight bytes",
    makeZip([{
      ...STORED,
      size: 0xffffffff,
      packedSize: 0xffffffff,
      extra: new ByteWriter().bytes(extra(9, Uint8Array.of(1)))
        .bytes(extra(1, NUMBERS_64(TEXT.length, TEXT.length))).join(),
    }]),
  ],
  [
    "an end of eight bytes",
    makeZip([STORED], {
      count: 0xffff,
      size: 0xffffffff,
      offset: 0xffffffff,
      before: end64(1, DIRECTORY_BYTES, DIRECTORY_AT, DIRECTORY_AT + DIRECTORY_BYTES),
    }),
  ],
  [
    "both ends",
    makeZip([STORED], {
      before: end64(1, DIRECTORY_BYTES, DIRECTORY_AT, DIRECTORY_AT + DIRECTORY_BYTES),
    }),
  ],
];

for (const [name, bytes] of LEGAL) {
  Deno.test(`readZip() reads ${name}`, () => {
    assertEquals([...unzip(bytes)], [["a", TEXT]]);
  });
}

const DAMAGED = "it is a damaged ZIP archive ";
const two = makeZip([{ name: "a", bytes: TEXT }, { name: "b", bytes: TEXT }]);

const WRONG: readonly (readonly [name: string, bytes: Uint8Array, message: string])[] = [
  ["nothing", new Uint8Array(), "it ends early"],
  ["half an archive", two.slice(0, two.length >> 1), "it ends early"],
  ["an archive cut by a byte", two.slice(0, -1), "it ends early"],
  ["an archive that goes on", Uint8Array.of(...two, 0), "or goes on after its end"],
  ["something in front", Uint8Array.of(0, ...two), "its directory is not where"],
  ["a comment with an end in it", makeZip([STORED], { comment: makeZip([]) }), "is not where"],
  ["one of several parts", makeZip([STORED], { disk: 1 }), "in several"],
  ["files on another part", makeZip([STORED], { countHere: 0 }), "in several"],
  ["too many files", makeZip([STORED], { count: 2 }), "claims 2 files"],
  ["65,534 files", makeZip([STORED], { count: 65534 }), "claims 65534 files"],
  ["too few files", makeZip([STORED, { name: "b" }], { count: 1 }), "goes on after the last file"],
  ["a directory of 4 GiB", makeZip([STORED], { size: 0xfffffffe }), "its directory is not where"],
  ["a directory past the end", makeZip([STORED], { offset: 0x7fffffff }), "its directory is not"],
  [
    "an end of eight bytes that is missing",
    makeZip([STORED], { count: 0xffff }),
    "claims 65535 files",
  ],
  [
    "an end of eight bytes at 2^60",
    makeZip([STORED], { before: end64(1, DIRECTORY_BYTES, DIRECTORY_AT, 2 ** 60) }),
    "the place of its directory is wrong",
  ],
  [
    "two ends that differ",
    makeZip([STORED], {
      before: end64(2, DIRECTORY_BYTES, DIRECTORY_AT, DIRECTORY_AT + DIRECTORY_BYTES),
    }),
    "its directory is not where",
  ],
  ["a name twice", makeZip([STORED, STORED]), '"a" is there twice'],
  [
    "a file within another",
    makeZip([STORED, { name: "b", bytes: TEXT, offset: 0, localName: "a" }]),
    '"b"',
  ],
  [
    "two files in one place",
    makeZip([{ ...STORED, name: "b", localName: "a", offset: 0 }, STORED]),
    `${DAMAGED}(`,
  ],
  [
    "a file past the end",
    makeZip([{ ...STORED, offset: 0x7fffffff }]),
    '"a" does not begin at byte',
  ],
  [
    "a file in the directory",
    makeZip([{ ...STORED, packedSize: TEXT.length + 1 }]),
    "into the directory",
  ],
  ["a file of 4 GiB", makeZip([{ ...STORED, packedSize: 0xfffffffe }]), "into the directory"],
  [
    "sizes of eight bytes that are missing",
    makeZip([{ ...STORED, size: 0xffffffff }]),
    "are missing",
  ],
  [
    "a size of 2^60",
    makeZip([{ ...STORED, size: 0xffffffff, extra: extra(1, NUMBERS_64(2 ** 60)) }]),
    "claims 1152921504606847000 bytes, more than its 1100 can hold",
  ],
  [
    "another name where it begins",
    makeZip([{ ...STORED, localName: "b" }]),
    "is called or packed otherwise",
  ],
  [
    "another method where it begins",
    makeZip([{ ...STORED, localMethod: 8 }]),
    "is called or packed",
  ],
  [
    "no header where it begins",
    makeZip([{ ...STORED, localSignature: 0 }]),
    "does not begin at byte 0",
  ],
  ["a wrong checksum", makeZip([{ ...STORED, crc: 1 }]), 'the checksum of "a" is wrong'],
  [
    "a wrong checksum, deflated",
    makeZip([{ ...DEFLATED, crc: 1 }]),
    'the checksum of "a" is wrong',
  ],
  ["a stored file of less", makeZip([{ ...STORED, size: 5 }]), 'the checksum of "a" is wrong'],
  [
    "more than it claims",
    makeZip([{ ...DEFLATED, size: 10 }]),
    "more than the 10 bytes that it claims",
  ],
  ["less than it claims", makeZip([{ ...DEFLATED, size: 1101 }]), 'the checksum of "a" is wrong'],
  ["a claim of 2 GiB", makeZip([{ ...DEFLATED, size: 2 ** 31 }]), "claims 2147483648 bytes"],
  [
    "noise as deflated",
    makeZip([{ ...DEFLATED, packed: new Uint8Array(40).fill(7) }]),
    "cannot be unpacked",
  ],
  [
    "deflated data cut short",
    makeZip([{ ...DEFLATED, packed: DEFLATED.packed.slice(0, -3) }]),
    "unpacked",
  ],
  ["another method", makeZip([{ ...STORED, method: 12 }]), "is packed by method 12; expected 0"],
  ["an encrypted file", makeZip([{ ...STORED, flags: 1 }]), '"a" is encrypted'],
  ["a name that is not UTF-8", makeZip([{ name: Uint8Array.of(0xff) }]), "is not UTF-8"],
  ...["../a", "a/../../b", "..", "/etc/passwd", "C:/a", "c:a", "a\\b", "a\0b", "a\x1b[2Jb", ""]
    .map((name) =>
      [
        `a file called ${JSON.stringify(name)}`,
        makeZip([{ name, bytes: TEXT }]),
        "names inside",
      ] as const
    ),
];

for (const [name, bytes, message] of WRONG) {
  Deno.test(`readZip() refuses ${name}`, () => {
    assertThrows(() => unzip(bytes), SyntaxError, message);
    assertEquals(readOrRefuse(() => unzip(bytes)), null);
  });
}

Deno.test("unpack() makes no more of a bomb than it may", () => {
  const zeros = new Uint8Array(2 ** 24);
  const bomb = makeZip([
    { name: "a", bytes: zeros, packed: new Uint8Array(deflateRawSync(zeros)), method: 8 },
  ]);
  assert(bomb.length < 20_000);
  assertEquals(unzip(bomb, 2 ** 24).get("a")?.length, 2 ** 24);
  const message = "it unpacks to more than the 16.0 MiB that may be made of it";
  assertThrows(() => unzip(bomb, 2 ** 24 - 1), SyntaxError, message);
});

Deno.test("unpack() counts all files of an archive together", () => {
  const zeros = new Uint8Array(10_000);
  const packed = new Uint8Array(deflateRawSync(zeros));
  const members = ["a", "b", "c"].map((name) => ({ name, bytes: zeros, packed, method: 8 }));
  assertEquals(unzip(makeZip(members), 30_000).size, 3);
  assertThrows(() => unzip(makeZip(members), 29_999), SyntaxError, "it unpacks to more than");
});

Deno.test("unpack() stops a stream that goes on after what it claims", () => {
  const zeros = new Uint8Array(2 ** 26);
  const packed = new Uint8Array(deflateRawSync(zeros));
  const before = Deno.memoryUsage().rss;
  const bytes = makeZip([{ name: "a", packed, method: 8, size: 1000 }]);
  assertThrows(() => unzip(bytes), SyntaxError, "more than the 1000 bytes that it claims");
  assert(Deno.memoryUsage().rss - before < 2 ** 26);
});

Deno.test({
  name: "Python reads what encodeZip() writes, and readZip() what Python does",
  ignore: !hasNumpy,
  fn() {
    using folder = new TestFolder();
    const files = [{ name: "größe/a", bytes: TEXT }, { name: "b", bytes: new Uint8Array() }];
    Deno.writeFileSync(folder.file("ours.zip"), encodeZip("test", files));
    const printed = runPython(
      `
import io, sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/ours.zip") as z:
    print(z.testzip(), [(i.filename, i.file_size) for i in z.infolist()])
class Pipe(io.RawIOBase):
    def __init__(self, path): self.file = open(path, "wb")
    def writable(self): return True
    def write(self, data): return self.file.write(data)
    def close(self): self.file.close()
text = b"some text, " * 100
for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
    for kind, file in (("", sys.argv[1] + "/" + name), ("_piped", Pipe(sys.argv[1] + "/" + name + "_piped"))):
        with zipfile.ZipFile(file, "w", method) as z:
            z.writestr("a", text)
            with z.open("large", "w", force_zip64=True) as member: member.write(text)
            z.writestr("größe/b", b"")
            z.comment = b"a comment"
        if kind: file.close()
`,
      folder.path,
    );
    assertEquals(printed.trim(), `None [('größe/a', ${TEXT.length}), ('b', 0)]`);
    for (const name of ["stored", "stored_piped", "deflated", "deflated_piped"]) {
      const read = unzip(Deno.readFileSync(folder.file(name)));
      assertEquals([...read], [["a", TEXT], ["large", TEXT], ["größe/b", new Uint8Array()]], name);
    }
  },
});
