import { describeBytes } from "../../../base/checks.ts";

/** How the value of a field lies in the bytes: Protocol Buffers' wire types. */
const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

const WIRE_NAMES: ReadonlyMap<number, string> = new Map([
  [VARINT, "a varint"],
  [FIXED64, "8 bytes"],
  [LENGTH, "a length with bytes"],
  [FIXED32, "4 bytes"],
]);

/** The tag of a field is its number, and its wire type in the lowest bits. */
const WIRE_BITS = 3;
const MOST_FIELD = 2 ** 29 - 1;

/** A varint holds 64 bits, 7 a byte; of the tenth byte there is one left. */
const LAST_SHIFT = 63;

const WORD = 2 ** 32;

/** Messages and texts that are nothing but their length become objects: how much few bytes may ask for is bounded. */
const MOST_MESSAGES = 2 ** 19;
const MOST_TEXTS = 2 ** 20;

/** Nothing that is shown or looked up is so long. */
const MOST_TEXT_BYTES = 2 ** 24;

/** What the varints of a field stand for. */
export type IntegerKind = "int32" | "int64" | "uint64";

/** The bytes of a float in a list. */
export type FloatSize = 4 | 8;

/** A file whose messages are read. */
interface Source {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** How many messages and texts were read. */
  messages: number;
  texts: number;
}

/** A message's place in the message that it is in. */
interface Place {
  readonly message: Message;
  readonly name: string;
}

/**
 * Reads a message of Protocol Buffers field by field. Every length is checked against the message before anything is
 * made of it; fields that nobody asks for are stepped over, for they may be newer than what is known here.
 *
 * Source: https://protobuf.dev/programming-guides/encoding/.
 */
export class Message {
  readonly #source: Source;
  readonly #begin: number;
  readonly #end: number;
  readonly #place: Place | null;
  #at: number;
  #field = 0;
  #wire = VARINT;
  /** Where the value of the field begins and ends. */
  #valueBegin = 0;
  #valueEnd = 0;
  /** The words of the last varint. */
  #low = 0;
  #high = 0;

  private constructor(source: Source, begin: number, end: number, place: Place | null) {
    this.#source = source;
    this.#begin = begin;
    this.#end = end;
    this.#place = place;
    this.#at = begin;
  }

  /** The message that a whole file is. */
  static of(bytes: Uint8Array): Message {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new Message({ bytes, view, messages: 0, texts: 0 }, 0, bytes.length, null);
  }

  /** The same message from its beginning on. */
  again(): Message {
    return new Message(this.#source, this.#begin, this.#end, this.#place);
  }

  /** The number of the field that is read. */
  get field(): number {
    return this.#field;
  }

  /**
   * Goes on to the next field.
   *
   * @returns Whether there is one.
   */
  next(): boolean {
    if (this.#at === this.#end) return false;
    const begin = this.#at;
    this.#varint(this.#end);
    this.#wire = this.#low & 2 ** WIRE_BITS - 1;
    this.#field = this.#high * 2 ** (32 - WIRE_BITS) + (this.#low >>> WIRE_BITS);
    if (this.#field === 0 || this.#field > MOST_FIELD) {
      this.#refuse(`has a field of number ${this.#field} at byte ${begin}`);
    }
    this.#findValue(begin);
    return true;
  }

  /** An integer; beyond 2^53 the nearest number. */
  integer(name: string, kind: IntegerKind): number {
    this.#expect(name, VARINT);
    return valueOf(kind, this.#low, this.#high);
  }

  float(name: string): number {
    this.#expect(name, FIXED32);
    return this.#source.view.getFloat32(this.#valueBegin, true);
  }

  /** A text, which is UTF-8. */
  text(name: string): string {
    const bytes = this.bytes(name);
    if (++this.#source.texts > MOST_TEXTS) {
      this.#refuse(`has ${name}, one of more than ${MOST_TEXTS} texts in the file`);
    }
    if (bytes.length > MOST_TEXT_BYTES) {
      this.#refuse(
        `has ${name} of ${describeBytes(bytes.length)}, more than the ` +
          `${describeBytes(MOST_TEXT_BYTES)} that a text may have`,
      );
    }
    try {
      return UTF8.decode(bytes);
    } catch {
      return this.#refuse(`has ${name} as a text that is not UTF-8, at byte ${this.#valueBegin}`);
    }
  }

  /** Bytes, not copied. */
  bytes(name: string): Uint8Array {
    this.#expect(name, LENGTH);
    return this.#source.bytes.subarray(this.#valueBegin, this.#valueEnd);
  }

  /** A message in this one; `name` says which. */
  message(name: string): Message {
    this.#expect(name, LENGTH);
    if (++this.#source.messages > MOST_MESSAGES) {
      this.#refuse(`has ${name}, one of more than ${MOST_MESSAGES} messages in the file`);
    }
    return new Message(this.#source, this.#valueBegin, this.#valueEnd, { message: this, name });
  }

  /** How many integers the field holds: one, or all of a list that is packed. */
  countIntegers(name: string): number {
    if (this.#wire === VARINT) return 1;
    const bytes = this.bytes(name);
    if ((bytes.at(-1) ?? 0) >= 0x80) this.#endsEarly(this.#valueEnd);
    let count = 0;
    for (let at = 0; at < bytes.length; at++) if ((bytes[at] ?? 0) < 0x80) count++;
    return count;
  }

  /**
   * Reads the integers of the field, one or many; beyond 2^53 the nearest numbers.
   *
   * @param into Where they go. It has room for all that {@linkcode countIntegers} counted.
   * @param at Where the first goes.
   * @returns Where the next would go.
   */
  integers(kind: IntegerKind, into: Float64Array, at: number): number {
    if (this.#wire === VARINT) {
      into[at] = valueOf(kind, this.#low, this.#high);
      return at + 1;
    }
    const next = this.#at;
    this.#at = this.#valueBegin;
    for (; this.#at < this.#valueEnd; at++) {
      this.#varint(this.#valueEnd);
      into[at] = valueOf(kind, this.#low, this.#high);
    }
    this.#at = next;
    return at;
  }

  /** How many floats of one size the field holds: one, or all of a list that is packed. */
  countFloats(name: string, size: FloatSize): number {
    if (this.#wire !== (size === 4 ? FIXED32 : FIXED64)) this.#expect(name, LENGTH);
    const length = this.#valueEnd - this.#valueBegin;
    if (length % size === 0) return length / size;
    return this.#refuse(
      `has ${name} of ${length} bytes, which are no floats of ${size} bytes each`,
    );
  }

  /**
   * Reads the floats of the field, one or many.
   *
   * @param into Where they go. It has room for all that {@linkcode countFloats} counted.
   * @param at Where the first goes.
   * @returns Where the next would go.
   */
  floats(size: FloatSize, into: Float32Array, at: number): number {
    const { view } = this.#source;
    for (let from = this.#valueBegin; from < this.#valueEnd; from += size) {
      into[at++] = size === 4 ? view.getFloat32(from, true) : view.getFloat64(from, true);
    }
    return at;
  }

  /** What is wrong with this message. */
  fault(reason: string): SyntaxError {
    return new SyntaxError(`${this.#path()} ${reason}`);
  }

  #refuse(reason: string): never {
    throw this.fault(reason);
  }

  #path(): string {
    const names: string[] = [];
    for (let place = this.#place; place !== null; place = place.message.#place) {
      names.push(place.name);
    }
    return names.length === 0 ? "it" : `its ${names.toReversed().join(".")}`;
  }

  #endsEarly(at: number): never {
    return this.#refuse(`ends early at byte ${at}, inside a varint`);
  }

  #expect(name: string, wire: number): void {
    if (this.#wire === wire) return;
    const [found, expected] = [this.#wire, wire].map((type) => WIRE_NAMES.get(type));
    this.#refuse(`has ${name} as ${found}, where ${expected} is expected`);
  }

  /** Finds where the value of a field ends, and reads it if it is a varint. */
  #findValue(tagAt: number): void {
    if (this.#wire === VARINT) {
      this.#varint(this.#end);
      return;
    }
    this.#valueBegin = this.#at;
    let length = 0;
    if (this.#wire === FIXED32) length = 4;
    else if (this.#wire === FIXED64) length = 8;
    else if (this.#wire === LENGTH) {
      this.#varint(this.#end);
      this.#valueBegin = this.#at;
      length = this.#high * WORD + this.#low;
    } else {
      this.#refuse(
        `has a field ${this.#field} of wire type ${this.#wire} at byte ${tagAt}; ` +
          "groups and unknown types are not read",
      );
    }
    const left = this.#end - this.#valueBegin;
    if (length > left) {
      this.#refuse(
        `ends early: its field ${this.#field} at byte ${tagAt} takes ${length} bytes, but ` +
          `${left} are left`,
      );
    }
    this.#valueEnd = this.#valueBegin + length;
    this.#at = this.#valueEnd;
  }

  /** Reads a varint into the two words. */
  #varint(end: number): void {
    const { bytes } = this.#source;
    let [low, high, at] = [0, 0, this.#at];
    for (let shift = 0;; shift += 7) {
      if (at === end) this.#endsEarly(end);
      const byte = bytes[at++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift > 28) high |= bits << shift - 32;
      else {
        low |= bits << 28;
        high = bits >>> 4;
      }
      if (shift === LAST_SHIFT && byte > 1) {
        this.#refuse(`has a varint of more than 64 bits at byte ${this.#at}`);
      }
      if (byte < 0x80) break;
    }
    this.#low = low >>> 0;
    this.#high = high >>> 0;
    this.#at = at;
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function valueOf(kind: IntegerKind, low: number, high: number): number {
  if (kind === "int32") return low | 0;
  return (kind === "int64" ? high | 0 : high) * WORD + low;
}
