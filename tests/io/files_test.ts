import { assertEquals, assertRejects } from "@std/assert";
import { FileError, readBytes, writeBytes, writeChunks } from "../../src/io/files.ts";
import { TestFolder } from "../_folder.ts";

const isWindows = Deno.build.os === "windows";

Deno.test("writeBytes() leaves the file and nothing else", async () => {
  using folder = new TestFolder();
  await writeBytes(folder.file("a"), Uint8Array.of(1, 2, 3));
  await writeBytes(folder.file("a"), Uint8Array.of(4));
  assertEquals([...await readBytes(folder.file("a"))], [4]);
  assertEquals(folder.names(), ["a"]);
});

Deno.test("writeBytes() leaves nothing where it fails", async () => {
  using folder = new TestFolder();
  const bytes = Uint8Array.of(1);
  const missing = folder.file("no/such/a");
  const message = `Cannot write "${missing}": there is no such file or folder`;
  await assertRejects(() => writeBytes(missing, bytes), FileError, message);
  await assertRejects(() => writeBytes(folder.path, bytes), FileError, "it is a folder");
  assertEquals(folder.names(), []);
});

Deno.test("writeBytes() removes its temporary file when the last step fails", async () => {
  using folder = new TestFolder();
  const rename = Deno.rename;
  Deno.rename = () => Promise.reject(new Error("The disk is full"));
  try {
    Deno.writeTextFileSync(folder.file("a"), "old");
    await assertRejects(() => writeBytes(folder.file("a"), Uint8Array.of(1)), FileError, "disk");
  } finally {
    Deno.rename = rename;
  }
  assertEquals(folder.names(), ["a"]);
  assertEquals(Deno.readTextFileSync(folder.file("a")), "old");
});

Deno.test({
  name: "writeBytes() keeps a file's permissions and the links that lead to it",
  ignore: isWindows,
  async fn() {
    using folder = new TestFolder();
    Deno.writeTextFileSync(folder.file("a"), "old");
    Deno.chmodSync(folder.file("a"), 0o640);
    Deno.symlinkSync("a", folder.file("link"));
    await writeBytes(folder.file("link"), Uint8Array.of(65));
    assertEquals(Deno.readTextFileSync(folder.file("a")), "A");
    assertEquals((Deno.statSync(folder.file("a")).mode ?? 0) & 0o777, 0o640);
    assertEquals(Deno.lstatSync(folder.file("link")).isSymlink, true);
  },
});

Deno.test({
  name: "writeBytes() writes to a device instead of replacing it",
  ignore: isWindows,
  async fn() {
    await writeBytes("/dev/null", Uint8Array.of(1));
    assertEquals(Deno.statSync("/dev/null").isCharDevice, true);
  },
});

Deno.test({
  name: "writeBytes() writes where a link leads to, also if nothing is there yet",
  ignore: isWindows,
  async fn() {
    using folder = new TestFolder();
    Deno.mkdirSync(folder.file("deep"));
    Deno.symlinkSync("deep/second", folder.file("first"));
    Deno.symlinkSync("../a", folder.file("deep/second"));
    await writeBytes(folder.file("first"), Uint8Array.of(65));
    assertEquals(folder.names(), ["a", "deep", "first"]);
    assertEquals(Deno.lstatSync(folder.file("a")).isFile, true);
    Deno.symlinkSync("loop", folder.file("loop"));
    await assertRejects(() => writeBytes(folder.file("loop"), Uint8Array.of(1)), FileError);
    assertEquals(folder.names(), ["a", "deep", "first", "loop"]);
  },
});

Deno.test({
  name: "writeChunks() lets nobody read half of a file who may not read the whole",
  ignore: isWindows,
  async fn() {
    using folder = new TestFolder();
    Deno.writeTextFileSync(folder.file("a"), "old");
    Deno.chmodSync(folder.file("a"), 0o600);
    const modes: number[] = [];
    await writeChunks(
      folder.file("a"),
      (function* () {
        yield Uint8Array.of(1);
        for (const name of folder.names()) modes.push(Deno.statSync(folder.file(name)).mode ?? 0);
      })(),
    );
    assertEquals(modes.map((mode) => mode & 0o777), [0o600, 0o600]);
  },
});

Deno.test("writeBytes() takes the longest name that a file can have", async () => {
  using folder = new TestFolder();
  const name = "n".repeat(255);
  await writeBytes(folder.file(name), Uint8Array.of(1));
  assertEquals(folder.names(), [name]);
});

Deno.test("A permission that is missing is the one that Deno asks for", async () => {
  const cases = [
    [
      new Deno.errors.NotCapable(
        'Requires read access to "a", run again with the --allow-read flag',
      ),
      "--allow-read",
    ],
    [
      new Deno.errors.NotCapable('Requires all access to "a", run again with the --allow-all flag'),
      "--allow-all",
    ],
    [new Deno.errors.NotCapable("No"), "--allow-all"],
  ] as const;
  const { readFile } = Deno;
  try {
    for (const [error, flag] of cases) {
      Deno.readFile = () => Promise.reject(error);
      const message = `Cannot read "a": Deno was not given the permission; run with ${flag}`;
      assertEquals((await assertRejects(() => readBytes("a"), FileError)).message, message);
    }
  } finally {
    Deno.readFile = readFile;
  }
});
