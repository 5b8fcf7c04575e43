/** What a `.npy` header says. */
export interface NpyHeader {
  /** The type of an element, such as `<f4`. */
  readonly descr: string;
  /** Whether the first axis, not the last, runs fastest through the data. */
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
}

/** The most axes that NumPy gives an array. */
const MOST_AXES = 64;

/** What a header is made of; each blank stands for any white space of Python. */
const OPEN = token(String.raw` \{ `);
const CLOSE = token(String.raw`\} $`);
const KEY = token(String.raw`u?(['"])(\w+)\1 : `);
const COMMA = token(String.raw` , | (?=\})`);
const STRING = token(String.raw`u?(['"])((?:(?!['"\\])[\x20-~])*)\1`);
const BOOLEAN = token(String.raw`(?:True|False)\b`);
/** Python 2 wrote `3L` for a long integer. */
const LIST = String.raw` (?:(?:0|[1-9]\d*)L? (?:, |(?=[)\]])))*`;
/** Only a comma makes `(3,)` a tuple. Some writers make a list of it. */
const SIZES = token(String.raw`\((?! \d+L? \))${LIST}\)|\[${LIST}\]`);

/** Anchored, so that it is matched where the scanner stands. */
function token(form: string): RegExp {
  return new RegExp(form.replaceAll(" ", String.raw`[ \t\n\f\r]*`), "y");
}

/**
 * Reads a `.npy` header: a Python dict of three keys, in any order.
 *
 * @param text The header without what precedes its text.
 * @throws {SyntaxError} If it is something else; the message says where.
 */
export function parseNpyHeader(text: string): NpyHeader {
  const scanner = new Scanner(text);
  const header: { -readonly [Key in keyof NpyHeader]?: NpyHeader[Key] } = {};
  const seen = new Set<string>();
  scanner.expect(OPEN, "it is not a Python dict");
  while (!scanner.has(CLOSE)) {
    const [, , key = ""] = scanner.expect(KEY, "a key or the end is missing");
    if (seen.has(key)) throw wrong(`it has the key "${key}" twice`);
    seen.add(key);
    if (key === "descr") header.descr = readDescr(scanner);
    else if (key === "fortran_order") header.fortranOrder = readOrder(scanner);
    else if (key === "shape") header.shape = readShape(scanner);
    else throw wrong(`it has the key "${key}"; expected descr, fortran_order and shape`);
    scanner.expect(COMMA, "a comma or the end is missing");
  }
  const { descr, fortranOrder, shape } = header;
  if (descr === undefined || fortranOrder === undefined || shape === undefined) {
    const present = seen.size === 0 ? "no key" : `only ${[...seen].join(" and ")}`;
    throw wrong(`it has ${present}; expected descr, fortran_order and shape`);
  }
  return { descr, fortranOrder, shape };
}

function readDescr(scanner: Scanner): string {
  if (/[([{]/.test(scanner.next)) {
    throw new SyntaxError(
      "it holds records (a structured dtype); expected an array of plain numbers",
    );
  }
  return scanner.expect(STRING, "its descr is not the name of a type")[2] ?? "";
}

function readOrder(scanner: Scanner): boolean {
  return scanner.expect(BOOLEAN, "its fortran_order is neither True nor False")[0] === "True";
}

function readShape(scanner: Scanner): readonly number[] {
  const [tuple] = scanner.expect(SIZES, "its shape is not a tuple of sizes");
  const shape = (tuple.match(/\d+/g) ?? []).map(Number);
  if (shape.length > MOST_AXES) {
    throw wrong(`its shape has ${shape.length} axes; expected at most ${MOST_AXES}`);
  }
  if (!shape.every(Number.isSafeInteger)) throw wrong("its shape has a size of more than 2^53");
  return shape;
}

function wrong(reason: string): SyntaxError {
  return new SyntaxError(`its header is wrong: ${reason}`);
}

/** A place in a text. */
class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The character at the place. */
  get next(): string {
    return this.#text.charAt(this.#position);
  }

  has(token: RegExp): boolean {
    token.lastIndex = this.#position;
    return token.test(this.#text);
  }

  /** Steps over a token that has to be there. */
  expect(token: RegExp, fault: string): RegExpExecArray {
    token.lastIndex = this.#position;
    const match = token.exec(this.#text);
    if (match === null) {
      const rest = this.#text.slice(this.#position, this.#position + 20);
      const found = rest === "" ? "the end" : JSON.stringify(rest.replaceAll(/[^ -~]/g, "?"));
      throw wrong(`${fault} (character ${this.#position}, where ${found} stands)`);
    }
    this.#position = token.lastIndex;
    return match;
  }
}
