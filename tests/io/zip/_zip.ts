import { crc32 } from "../../../src/io/crc32.ts";
import { ByteWriter } from "../../../src/io/writer.ts";

/** A file in an archive, and what is said of it; what is left out is right. */
export interface Member {
  readonly name: string | Uint8Array;
  readonly bytes?: Uint8Array;
  /** What lies in the archive, where it is packed. */
  readonly packed?: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly size?: number;
  readonly packedSize?: number;
  readonly crc?: number;
  readonly offset?: number;
  /** What its own header says. */
  readonly localName?: string;
  readonly localMethod?: number;
  readonly localSignature?: number;
  readonly extra?: Uint8Array;
}

/** What is said at the end of an archive; what is left out is right. */
export interface End {
  readonly count?: number;
  readonly countHere?: number;
  readonly disk?: number;
  readonly size?: number;
  readonly offset?: number;
  readonly comment?: Uint8Array;
  /** Put between the directory and the end. */
  readonly before?: Uint8Array;
}

function bytesOf(name: string | Uint8Array): Uint8Array {
  return typeof name === "string" ? new TextEncoder().encode(name) : name;
}

/** An archive as it would be with these files and this end. */
export function makeZip(members: readonly Member[], end: End = {}): Uint8Array {
  const archive = new ByteWriter();
  const directory = new ByteWriter();
  for (const member of members) {
    const { bytes = new Uint8Array(), flags = 0x800, method = 0, extra = new Uint8Array() } =
      member;
    const name = bytesOf(member.name);
    const packed = member.packed ?? bytes;
    const { crc = crc32(bytes), size = bytes.length, packedSize = packed.length } = member;
    const offset = member.offset ?? archive.length;
    const localName = bytesOf(member.localName ?? name);
    archive.uint32(member.localSignature ?? 0x04034b50)
      .uint16(20, flags, member.localMethod ?? method, 0, 0x21)
      .uint32(crc, packedSize, size).uint16(localName.length, 0).bytes(localName).bytes(packed);
    directory.uint32(0x02014b50).uint16(20, 20, flags, method, 0, 0x21)
      .uint32(crc, packedSize, size).uint16(name.length, extra.length, 0, 0, 0)
      .uint32(0, offset).bytes(name).bytes(extra);
  }
  const begin = archive.length;
  const { count = members.length, countHere = count, disk = 0, comment = new Uint8Array() } = end;
  return archive.bytes(directory.join()).bytes(end.before ?? new Uint8Array())
    .uint32(0x06054b50).uint16(disk, disk, countHere, count)
    .uint32(end.size ?? directory.length, end.offset ?? begin)
    .uint16(comment.length).bytes(comment).join();
}
