import { describe, describeExcess } from "../../base/checks.ts";
import { crc32 } from "../crc32.ts";
import { ByteWriter } from "../writer.ts";
import { isInside } from "./directory.ts";

/** A file to put into an archive. */
export interface ZipFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** What is said of a file twice: where it begins, and in the directory. */
interface Described {
  readonly file: ZipFile;
  readonly name: Uint8Array;
  readonly crc: number;
}

/** Numbers of four bytes say where things are, of two how many, and how long a name is. */
const LARGEST = 2 ** 32 - 2;
const MOST_FILES = 2 ** 16 - 2;
const LONGEST_NAME = 2 ** 16 - 1;

/** What a reader must know: folders and plain files. */
const VERSION = 20;
const STORED = 0;
/** Names are UTF-8. */
const FLAGS = 0x0800;
/** Midnight of the first day that the format knows: the same files give the same bytes. */
const [TIME, DATE] = [0, 0x21];

/**
 * The bytes of a ZIP archive, its files not packed.
 *
 * @param where Who writes it, for the error message.
 * @param files Its files.
 * @throws {RangeError} If there are more files or bytes than the plain format can hold, or a name leads out of it.
 */
export function encodeZip(where: string, files: readonly ZipFile[]): Uint8Array {
  const described = files.map((file) => {
    const name = new TextEncoder().encode(file.name);
    return { file, name, crc: crc32(file.bytes) };
  });
  if (files.length > MOST_FILES || described.some(({ name }) => name.length > LONGEST_NAME)) {
    throw new RangeError(
      `${where}: a ZIP archive holds at most ${MOST_FILES} files with names of at most ` +
        `${LONGEST_NAME} bytes`,
    );
  }
  for (const { name } of files) {
    if (isInside(name)) continue;
    throw new RangeError(`${where}: no file of a ZIP archive can be called ${describe(name)}`);
  }
  const archive = new ByteWriter();
  const directory = new ByteWriter();
  for (const item of described) {
    writeEntry(directory, item, archive.length);
    writeFile(archive, item);
  }
  const begin = archive.length;
  if (begin + directory.length > LARGEST) {
    throw new RangeError(
      `${where}: the file would take ${
        describeExcess(begin + directory.length, LARGEST)
      } a ZIP archive can hold`,
    );
  }
  return archive.bytes(directory.join())
    .uint32(0x06054b50).uint16(0, 0, files.length, files.length)
    .uint32(directory.length, begin).uint16(0)
    .join();
}

function writeFile(archive: ByteWriter, described: Described): void {
  archive.uint32(0x04034b50);
  writeDescription(archive, described);
  archive.bytes(described.name).bytes(described.file.bytes);
}

function writeEntry(directory: ByteWriter, described: Described, offset: number): void {
  directory.uint32(0x02014b50).uint16(VERSION);
  writeDescription(directory, described);
  // No comment, the first disk, no attributes.
  directory.uint16(0, 0, 0).uint32(0, offset).bytes(described.name);
}

function writeDescription(to: ByteWriter, { file, name, crc }: Described): void {
  const size = file.bytes.length;
  to.uint16(VERSION, FLAGS, STORED, TIME, DATE).uint32(crc, size, size).uint16(name.length, 0);
}
