/**
 * The directory of a ZIP archive, read so that every reader must come to the same result: one entry for each name, each
 * with its own place in front of the directory, the directory right in front of the archive's end. What an archive says
 * twice has to be the same both times.
 *
 * @module
 */

import { quoted } from "../quoted.ts";
import { ByteReader } from "../reader.ts";

/** A file in an archive, not unpacked. */
export interface ZipEntry {
  readonly name: string;
  /** How it is packed: 0 not at all, 8 deflate. */
  readonly method: number;
  readonly isEncrypted: boolean;
  readonly packed: Uint8Array;
  /** The bytes that it says it unpacks to. */
  readonly size: number;
  /** The CRC-32 of what it unpacks to. */
  readonly crc: number;
}

/** An entry as the directory has it, before its data are looked at. */
interface Listed extends Omit<ZipEntry, "packed"> {
  readonly nameBytes: Uint8Array;
  readonly packedSize: number;
  /** Where its own header begins. */
  readonly offset: number;
}

const LOCAL_HEADER = 0x04034b50;
const DIRECTORY_ENTRY = 0x02014b50;
const END = 0x06054b50;
const END_64 = 0x06064b50;
const END_64_LOCATOR = 0x07064b50;

const LOCAL_BYTES = 30;
const DIRECTORY_ENTRY_BYTES = 46;
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const LONGEST_COMMENT = 65535;

/** In the place of a number that is too large for it, which stands elsewhere then. */
const IN_64 = 0xffffffff;
const COUNT_IN_64 = 0xffff;

/** The extra field with the numbers that are too large for their places. */
const EXTRA_64 = 1;

const ENCRYPTED = 1;

/** Whether a file begins as they do: with a file, or with the end where there is none. */
export function isZip(bytes: Uint8Array): boolean {
  const [p, k, ...rest] = bytes.subarray(0, 4);
  return p === 0x50 && k === 0x4b && (rest.join() === "3,4" || rest.join() === "5,6");
}

/** An error of a file that is a ZIP archive, but not a right one. */
export function damagedZip(reason: string): SyntaxError {
  return new SyntaxError(`it is a damaged ZIP archive (${reason})`);
}

/**
 * Reads the directory of an archive.
 *
 * @param bytes The whole archive.
 * @returns Its files by name, without the folders.
 * @throws {SyntaxError} If it is damaged, in several parts, or names files twice or outside of it.
 */
export function readZip(bytes: Uint8Array): ReadonlyMap<string, ZipEntry> {
  const directory = findDirectory(bytes);
  const listed = readDirectory(bytes, directory);
  const entries = new Map<string, ZipEntry>();
  let end = 0;
  for (const entry of listed.toSorted((a, b) => a.offset - b.offset)) {
    if (entry.offset < end) throw damagedZip(`${quoted(entry.name)} overlaps another file`);
    const begin = dataOf(bytes, entry);
    end = begin + entry.packedSize;
    if (end > directory.offset) {
      throw damagedZip(`${quoted(entry.name)} reaches into the directory`);
    }
    if (entry.name.endsWith("/") && entry.size === 0) continue;
    const { name, method, isEncrypted, size, crc } = entry;
    const packed = bytes.subarray(begin, end);
    entries.set(name, { name, method, isEncrypted, packed, size, crc });
  }
  return entries;
}

/** Where the directory lies. */
interface Directory {
  readonly count: number;
  readonly offset: number;
  readonly size: number;
}

function findDirectory(bytes: Uint8Array): Directory {
  const at = findEnd(bytes);
  const reader = new ByteReader(bytes, "the end of its ZIP directory", at + 4);
  const disks = [reader.uint16(), reader.uint16()];
  const counts = [reader.uint16(), reader.uint16()];
  const [size, offset] = [reader.uint32(), reader.uint32()];
  const [count = 0] = counts;
  if (disks.some((disk) => disk !== 0) || counts[1] !== count) {
    throw new SyntaxError("it is one part of a ZIP archive in several; expected a whole one");
  }
  const large = findDirectory64(bytes, at);
  const { end, ...directory } = large ?? { count, offset, size, end: at };
  const isAgreed = agree(count, directory.count, COUNT_IN_64) &&
    agree(size, directory.size, IN_64) && agree(offset, directory.offset, IN_64);
  if (!isAgreed || directory.offset + directory.size !== end) {
    throw damagedZip("its directory is not where the end of the archive says");
  }
  if (directory.count * DIRECTORY_ENTRY_BYTES > directory.size) {
    throw damagedZip(`its directory of ${directory.size} bytes claims ${directory.count} files`);
  }
  return directory;
}

/** Looks for the record that ends the archive; behind it stands a comment at most. */
function findEnd(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const last = bytes.length - END_BYTES;
  for (let at = last; at >= Math.max(0, last - LONGEST_COMMENT); at--) {
    if (view.getUint32(at, true) === END && view.getUint16(at + 20, true) === last - at) return at;
  }
  throw new SyntaxError(
    "it ends early, or goes on after its end: a ZIP archive ends in its directory",
  );
}

/** Whether a number is the one that stands for it elsewhere, or says that it is too large. */
function agree(small: number, large: number, tooLarge: number): boolean {
  return small === large || small === tooLarge;
}

/**
 * The same of an archive that may be of more than 4 GiB or 65,535 files, if it is one; `end` is where the directory has
 * to end.
 */
function findDirectory64(
  bytes: Uint8Array,
  end: number,
): Directory & { readonly end: number } | null {
  const locatorAt = end - LOCATOR_BYTES;
  const where = "the end of its ZIP directory";
  if (locatorAt < 0) return null;
  const locator = new ByteReader(bytes, where, locatorAt);
  if (locator.uint32() !== END_64_LOCATOR) return null;
  locator.skip(4);
  const recordAt = locator.uint64();
  if (recordAt > locatorAt) throw damagedZip("the place of its directory is wrong");
  const record = new ByteReader(bytes, where, recordAt);
  if (record.uint32() !== END_64) throw damagedZip("the place of its directory is wrong");
  // The record's size, two versions, two disks, and the files on this one.
  record.skip(8 + 2 + 2 + 4 + 4 + 8);
  const count = record.uint64();
  const size = record.uint64();
  const offset = record.uint64();
  return { count, size, offset, end: recordAt };
}

function readDirectory(bytes: Uint8Array, { count, offset, size }: Directory): readonly Listed[] {
  const reader = new ByteReader(bytes.subarray(0, offset + size), "its ZIP directory", offset);
  const listed: Listed[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index++) {
    const entry = readListed(reader);
    if (names.has(entry.name)) throw damagedZip(`${quoted(entry.name)} is there twice`);
    names.add(entry.name);
    listed.push(entry);
  }
  if (reader.left > 0) throw damagedZip("its directory goes on after the last file");
  return listed;
}

function readListed(reader: ByteReader): Listed {
  const at = reader.position;
  if (reader.uint32() !== DIRECTORY_ENTRY) {
    throw damagedZip(`its directory has no entry at byte ${at}`);
  }
  reader.skip(4);
  const flags = reader.uint16();
  const method = reader.uint16();
  reader.skip(4);
  const crc = reader.uint32();
  const [packedSize, size] = [reader.uint32(), reader.uint32()];
  const lengths = [reader.uint16(), reader.uint16(), reader.uint16()] as const;
  reader.skip(8);
  const offset = reader.uint32();
  const [nameLength, extraLength, commentLength] = lengths;
  const nameBytes = reader.take(nameLength);
  const name = checkName(nameBytes);
  const extra = reader.take(extraLength);
  reader.skip(commentLength);
  const sizes = readLargeSizes(extra, { size, packedSize, offset });
  return { name, nameBytes, method, isEncrypted: (flags & ENCRYPTED) !== 0, crc, ...sizes };
}

interface Sizes {
  readonly size: number;
  readonly packedSize: number;
  readonly offset: number;
}

/** The extra field has those that do not fit into their places, in this order. */
function readLargeSizes(extra: Uint8Array, small: Sizes): Sizes {
  if (small.size !== IN_64 && small.packedSize !== IN_64 && small.offset !== IN_64) return small;
  const reader = new ByteReader(extra, "its ZIP directory");
  while (reader.left > 0) {
    const id = reader.uint16();
    const field = new ByteReader(reader.take(reader.uint16()), "its ZIP directory");
    if (id !== EXTRA_64) continue;
    const large = (value: number) => value === IN_64 ? field.uint64() : value;
    const size = large(small.size);
    const packedSize = large(small.packedSize);
    return { size, packedSize, offset: large(small.offset) };
  }
  throw damagedZip("the sizes of a large file are missing");
}

/** A name that leads nowhere else, whatever is done with it. */
function checkName(bytes: Uint8Array): string {
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damagedZip("the name of a file is not UTF-8");
  }
  if (!isInside(name)) {
    throw new SyntaxError(
      `it is a ZIP archive with a file called ${quoted(name)}; expected names inside the archive`,
    );
  }
  return name;
}

/** Whether a name would stay in the folder that an archive is unpacked to. */
export function isInside(name: string): boolean {
  return name !== "" && !name.startsWith("/") && !/^[a-z]:/i.test(name) && !name.includes("\\") &&
    !name.split("/").includes("..") && !/\p{Cc}/u.test(name);
}

/** Where the data of an entry begin: behind a header of its own, which names it again. */
function dataOf(bytes: Uint8Array, entry: Listed): number {
  const reader = new ByteReader(bytes, "a file of its ZIP archive", entry.offset);
  if (reader.left < LOCAL_BYTES || reader.uint32() !== LOCAL_HEADER) {
    throw damagedZip(`${quoted(entry.name)} does not begin at byte ${entry.offset}`);
  }
  reader.skip(4);
  const method = reader.uint16();
  reader.skip(16);
  const [nameLength, extraLength] = [reader.uint16(), reader.uint16()];
  const name = reader.take(nameLength);
  const isSame = name.length === entry.nameBytes.length &&
    name.every((byte, index) => byte === entry.nameBytes[index]);
  if (!isSame || method !== entry.method) {
    throw damagedZip(`${quoted(entry.name)} is called or packed otherwise where it begins`);
  }
  reader.skip(extraLength);
  return reader.position;
}
