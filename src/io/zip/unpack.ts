import { Inflate } from "fflate";
import { crc32 } from "../crc32.ts";
import type { MemoryBudget } from "../memory_budget.ts";
import { quoted } from "../quoted.ts";
import type { ZipEntry } from "./directory.ts";
import { damagedZip } from "./directory.ts";

const STORED = 0;
const DEFLATED = 8;

/** No deflate stream grows by more than this when it is unpacked. */
const BEST_COMPRESSION = 1032;

/** The bytes that are unpacked at once: they become 1032 times as many at most. */
const SLICE_BYTES = 16384;

/**
 * Unpacks a file of an archive.
 *
 * @param entry The file.
 * @param budget What may still be unpacked of the archive.
 * @returns Its bytes; those of a file that is not packed lie in the archive.
 * @throws {SyntaxError} If it is damaged, or more than the budget.
 */
export function unpack(entry: ZipEntry, budget: MemoryBudget): Uint8Array {
  const { name, method, packed, size } = entry;
  if (entry.isEncrypted) {
    throw new SyntaxError(`it is a ZIP archive in which ${quoted(name)} is encrypted`);
  }
  if (method !== STORED && method !== DEFLATED) {
    throw new SyntaxError(
      `it is a ZIP archive in which ${quoted(name)} is packed by method ${method}; expected ` +
        `${STORED} (not at all) or ${DEFLATED} (deflate)`,
    );
  }
  if (size > packed.length * (method === STORED ? 1 : BEST_COMPRESSION)) {
    throw damagedZip(
      `${quoted(name)} claims ${size} bytes, more than its ${packed.length} can hold`,
    );
  }
  const bytes = method === STORED ? packed : inflate(entry, budget);
  if (bytes.length !== size || crc32(bytes) !== entry.crc) {
    throw damagedZip(`the size or the checksum of ${quoted(name)} is wrong`);
  }
  return bytes;
}

/** Unpacks a deflate stream to the size that it is said to have, and no further. */
function inflate({ name, packed, size }: ZipEntry, budget: MemoryBudget): Uint8Array {
  budget.take(size);
  const bytes = new Uint8Array(size);
  let length = 0;
  const inflater = new Inflate((part) => {
    if (part.length > size - length) {
      throw new RangeError(`it is more than the ${size} bytes that it claims`);
    }
    bytes.set(part, length);
    length += part.length;
  });
  try {
    for (let at = 0; at < packed.length; at += SLICE_BYTES) {
      const end = Math.min(at + SLICE_BYTES, packed.length);
      inflater.push(packed.subarray(at, end), end === packed.length);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw damagedZip(`${quoted(name)} cannot be unpacked: ${reason}`);
  }
  return bytes.subarray(0, length);
}
