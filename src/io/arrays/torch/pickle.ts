/**
 * Reads Python's pickles as plain data. A pickle is a program for a machine with a stack; the instructions that build
 * numbers, texts, lists, tuples and dicts are followed, and names of Python's classes and functions stand for nothing but
 * what the caller gives them. Nothing of Python's, and nothing of this runtime's, is looked up by a name from the file.
 *
 * The instructions are those that protocols 2 to 4 use for such data, by the names of Python's `pickletools`.
 *
 * @module
 */

import { ByteReader } from "../../reader.ts";

/** What a name of Python's stands for, or what a file refers to. */
export abstract class PickleObject {}

/** What is done where a file calls a class or function of Python. */
export class PickleFunction extends PickleObject {
  /** Its name, for error messages, and what it makes of its arguments. */
  constructor(
    readonly name: string,
    readonly call: (args: readonly PickleValue[]) => PickleValue,
  ) {
    super();
  }
}

/** A tuple, which no instruction can change. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A dict. Keys may be anything there; equal tuples are different keys here. */
export type PickleDict = Map<PickleValue, PickleValue>;

/** What a pickle can hold. */
export type PickleValue =
  | null
  | boolean
  | number
  | string
  | PickleTuple
  | PickleValue[]
  | PickleDict
  | PickleObject;

/** What the reader of a pickle knows of its writer. */
export interface PickleNames {
  /**
   * What the name of a class or function stands for.
   *
   * @throws {SyntaxError} If the name is not one of those that are expected.
   */
  named(name: string): PickleObject;
  /** What a reference to something outside of the pickle stands for. */
  referred(id: PickleValue): PickleObject;
}

/** An error of a pickle that is not right. */
export function damagedPickle(reason: string): SyntaxError {
  return new SyntaxError(`its pickle is damaged (${reason})`);
}

/**
 * Reads a pickle.
 *
 * @param bytes What it lies in.
 * @param names What its names and references stand for.
 * @param begin Where it begins.
 * @returns What it holds, and where it ends.
 * @throws {SyntaxError} If it is damaged, or does something else than to build data.
 */
export function readPickle(
  bytes: Uint8Array,
  names: PickleNames,
  begin = 0,
): { readonly value: PickleValue; readonly end: number } {
  const machine = new Machine(new ByteReader(bytes, "its pickle", begin), names);
  while (machine.step());
  return { value: machine.result, end: machine.position };
}

/** The longest name of a class; a line has to end somewhere. */
const LONGEST_NAME = 1000;

const HIGHEST_PROTOCOL = 5;

/**
 * An instruction of one byte can make an object of some two hundred, and compressed it takes a thousandth of that byte. A
 * tensor takes about forty instructions.
 */
const MOST_INSTRUCTIONS = 2 ** 22;

class Machine {
  readonly #reader: ByteReader;
  readonly #names: PickleNames;
  readonly #stack: PickleValue[] = [];
  /** How high the stack was at each mark. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #instructions = 0;

  constructor(reader: ByteReader, names: PickleNames) {
    this.#reader = reader;
    this.#names = names;
  }

  get position(): number {
    return this.#reader.position;
  }

  /** What is left on the stack at the end. */
  get result(): PickleValue {
    const [value, ...others] = this.#stack;
    if (value === undefined || others.length > 0) {
      throw damagedPickle(`it ends with ${this.#stack.length} values; expected one`);
    }
    return value;
  }

  /** Follows an instruction; returns whether there is another one. */
  step(): boolean {
    if (++this.#instructions > MOST_INSTRUCTIONS) {
      throw new SyntaxError(`its pickle has more than ${MOST_INSTRUCTIONS} instructions`);
    }
    const at = this.#reader.position;
    const opcode = String.fromCharCode(this.#reader.uint8());
    if (opcode === ".") return false;
    if (!this.#build(opcode) && !this.#push(opcode) && !this.#call(opcode)) {
      const code = opcode.charCodeAt(0).toString(16).padStart(2, "0");
      throw new SyntaxError(
        `its pickle has instruction 0x${code} at byte ${at}, which no dict of tensors needs`,
      );
    }
    return true;
  }

  /** The instructions whose value is in them. */
  #push(opcode: string): boolean {
    const value = this.#constant(opcode);
    if (value === undefined) return false;
    this.#stack.push(value);
    return true;
  }

  #constant(opcode: string): PickleValue | undefined {
    const reader = this.#reader;
    switch (opcode) {
      case "N":
        return null;
      case "\x88":
        return true;
      case "\x89":
        return false;
      case "K": // BININT1
        return reader.uint8();
      case "M": // BININT2
        return reader.uint16();
      case "J": // BININT
        return reader.int32();
      case "\x8a": // LONG1
        return integerOf(reader.take(reader.uint8()));
      case "G": // BINFLOAT
        return reader.float64BigEndian();
      case "X": // BINUNICODE
        return textOf(reader.take(reader.uint32()));
      case "\x8c": // SHORT_BINUNICODE
        return textOf(reader.take(reader.uint8()));
      case "}":
        return new Map();
      case "]":
        return [];
      case ")":
        return new PickleTuple([]);
      default:
        return undefined;
    }
  }

  /** The instructions that put values together, or away for later. */
  #build(opcode: string): boolean {
    const reader = this.#reader;
    switch (opcode) {
      case "\x80": // PROTO
        this.#checkProtocol(reader.uint8());
        return true;
      case "\x95": // FRAME
        reader.skip(8);
        return true;
      case "(":
        this.#marks.push(this.#stack.length);
        return true;
      case "t":
        this.#stack.push(new PickleTuple(this.#popToMark()));
        return true;
      case "\x85": // TUPLE1
      case "\x86":
      case "\x87":
        this.#stack.push(new PickleTuple(this.#pop(opcode.charCodeAt(0) - 0x84)));
        return true;
      case "a": // APPEND
        this.#append(this.#pop(1));
        return true;
      case "e": // APPENDS
        this.#append(this.#popToMark());
        return true;
      case "s": // SETITEM
        this.#setItems(this.#pop(2));
        return true;
      case "u": // SETITEMS
        this.#setItems(this.#popToMark());
        return true;
      case "q": // BINPUT
        this.#memo.set(reader.uint8(), this.#top());
        return true;
      case "r": // LONG_BINPUT
        this.#memo.set(reader.uint32(), this.#top());
        return true;
      case "\x94": // MEMOIZE
        this.#memo.set(this.#memo.size, this.#top());
        return true;
      case "h": // BINGET
        this.#recall(reader.uint8());
        return true;
      case "j": // LONG_BINGET
        this.#recall(reader.uint32());
        return true;
      default:
        return false;
    }
  }

  /** The instructions by which Python would look something up and run it. */
  #call(opcode: string): boolean {
    switch (opcode) {
      case "c": // GLOBAL
        this.#stack.push(this.#names.named(`${this.#line()}.${this.#line()}`));
        return true;
      case "\x93": { // STACK_GLOBAL
        const [module, name] = this.#pop(2);
        if (typeof module !== "string" || typeof name !== "string") {
          throw damagedPickle("the name of a class is not a text");
        }
        this.#stack.push(this.#names.named(`${module}.${name}`));
        return true;
      }
      case "R": { // REDUCE
        const [callee, args] = this.#pop(2);
        if (!(callee instanceof PickleFunction) || !(args instanceof PickleTuple)) {
          throw damagedPickle("it calls what cannot be called");
        }
        this.#stack.push(callee.call(args.items));
        return true;
      }
      case "Q": { // BINPERSID
        const [id = null] = this.#pop(1);
        this.#stack.push(this.#names.referred(id));
        return true;
      }
      case "b": // BUILD: what PyTorch says of versions, which is of no use without its classes
        this.#pop(1);
        if (!(this.#top() instanceof Map)) throw damagedPickle("it gives attributes to no dict");
        return true;
      default:
        return false;
    }
  }

  #checkProtocol(protocol: number): void {
    if (protocol >= 2 && protocol <= HIGHEST_PROTOCOL) return;
    throw new SyntaxError(
      `its pickle has protocol ${protocol}; expected 2 to ${HIGHEST_PROTOCOL}`,
    );
  }

  /** The values above the last mark are the only ones that an instruction reaches. */
  #pop(count: number): PickleValue[] {
    if (this.#stack.length - (this.#marks.at(-1) ?? 0) < count) {
      throw damagedPickle(`byte ${this.position} takes a value that is not there`);
    }
    return this.#stack.splice(this.#stack.length - count);
  }

  #popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) throw damagedPickle(`byte ${this.position} needs a mark`);
    return this.#stack.splice(mark);
  }

  #top(): PickleValue {
    const [top = null] = this.#pop(1);
    this.#stack.push(top);
    return top;
  }

  #recall(index: number): void {
    const value = this.#memo.get(index);
    if (value === undefined) throw damagedPickle(`it recalls value ${index}, which it never kept`);
    this.#stack.push(value);
  }

  #append(items: readonly PickleValue[]): void {
    const list = this.#top();
    if (!Array.isArray(list)) throw damagedPickle("it appends to what is not a list");
    for (const item of items) list.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    const dict = this.#top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) {
      throw damagedPickle("it sets items of what is not a dict, or half an item");
    }
    for (let index = 0; index < items.length; index += 2) {
      dict.set(items[index] ?? null, items[index + 1] ?? null);
    }
  }

  /** A line of ASCII, without its end. */
  #line(): string {
    let line = "";
    for (;;) {
      const code = this.#reader.uint8();
      if (code === 0x0a) return line;
      if (line.length >= LONGEST_NAME) throw damagedPickle("the name of a class does not end");
      line += String.fromCharCode(code);
    }
  }
}

/** An integer of two's complement, the lowest byte first. Beyond 2^53 it is rounded: no size is so large. */
function integerOf(bytes: Uint8Array): number {
  const value = bytes.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n);
  return Number(BigInt.asIntN(8 * bytes.length, value));
}

function textOf(bytes: Uint8Array): string {
  // What is not UTF-8 is no name of a tensor.
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
