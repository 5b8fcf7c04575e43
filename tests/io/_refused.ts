import { assert } from "@std/assert";
import { decodeNamed, FileError } from "../../src/io/files.ts";

/** A line that nothing can be hidden in: it begins as all do, and has no character that moves a cursor. */
const LINE = /^Cannot read "file": it[^\p{C}\p{Zl}\p{Zp}]{1,400}$/u;

/**
 * What is read of bytes, `null` where they are refused as they should be: by one line that goes on from the name
 * of the file.
 */
export function readOrRefuse<Result>(decode: () => Result): Result | null {
  try {
    return decodeNamed("file", decode);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    assert(LINE.test(error.message), error.message);
    return null;
  }
}
