import { assertEquals, assertRejects } from "@std/assert";
import * as fs from "node:fs";
import { DENO_FILES, type Files, hostFiles, nodeFiles } from "../../src/platform/files.ts";
import { TestFolder } from "../_folder.ts";

const KINDS: readonly (readonly [string, Files])[] = [
  ["Deno", DENO_FILES],
  ["Node.js", nodeFiles(fs)],
];

/** Whether the tests may do what nobody else may. */
const IS_ROOT = Deno.build.os !== "windows" && Deno.uid() === 0;

Deno.test("hostFiles() are Deno's own here", () => {
  assertEquals(hostFiles(), DENO_FILES);
});

for (const [kind, files] of KINDS) {
  Deno.test(`Bytes are written, read, moved and removed by the files of ${kind}`, async () => {
    using folder = new TestFolder();
    await files.makeFolder(folder.file("a/b"));
    await files.makeFolder(folder.file("a/b"));
    const [path, other] = [folder.file("a/b/file"), folder.file("a/other")];
    const file = await files.create(path, 0o640);
    assertEquals(await file.write(Uint8Array.of(1, 2, 3)), 3);
    await file.close();
    const written = await files.stat(path);
    assertEquals([written.isFile, written.size], [true, 3]);
    if (!files.isWindows) assertEquals((written.mode ?? 0) & 0o777, 0o640);
    const again = await files.openForWriting(path);
    await again.write(Uint8Array.of(9));
    await again.close();
    await files.setMode(path, 0o600);
    await files.rename(path, other);
    const read = await files.readFile(other);
    assertEquals([read.constructor, read], [Uint8Array, Uint8Array.of(9, 2, 3)]);
    if (!files.isWindows) assertEquals(((await files.stat(other)).mode ?? 0) & 0o777, 0o600);
    const opened = await files.open(other);
    const bytes = new Uint8Array(2);
    assertEquals([await opened.read(bytes), bytes], [2, Uint8Array.of(9, 2)]);
    assertEquals([await opened.read(bytes), bytes[0]], [1, 3]);
    assertEquals(await opened.read(bytes), 0);
    await opened.close();
    await Deno.symlink("other", folder.file("a/link"));
    assertEquals(await files.readLink(folder.file("a/link")), "other");
    assertEquals(await files.realPath(folder.file("a/link")), await Deno.realPath(other));
    await files.remove(other);
    assertEquals((await files.stat(folder.file("a"))).isFile, false);
    await assertRejects(() => files.stat(other));
  });

  Deno.test(`The files of ${kind} give the reason of a failure in the same words`, async () => {
    using folder = new TestFolder();
    const [path, missing] = [folder.file("file"), folder.file("missing")];
    await Deno.writeTextFile(path, "");
    const failures: readonly (readonly [() => Promise<unknown>, string])[] = [
      [() => files.readFile(missing), "there is no such file or folder"],
      [() => files.readFile(folder.file(".")), "it is a folder"],
      [() => files.create(path, 0o666), "a file is in its place"],
      [() => files.openForWriting(missing), "there is no such file or folder"],
      [() => files.stat(`${path}/file`), "a part of its path is not a folder"],
      [() => files.stat(folder.file("a".repeat(300))), "file name too long"],
    ];
    for (const [fail, reason] of failures) {
      const error = await assertRejects(fail);
      assertEquals(files.reasonOf(error).replace(/^name too long$/, "file name too long"), reason);
      assertEquals(files.isNotFound(error), reason.startsWith("there is no"));
    }
    if (IS_ROOT) return;
    await Deno.chmod(path, 0);
    assertEquals(files.reasonOf(await assertRejects(() => files.open(path))), "permission denied");
  });
}
