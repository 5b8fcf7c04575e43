/** A value of the small part of Python's literals that `.npy` headers are written in. */
export type PythonValue =
  | string
  | number
  | boolean
  | null
  | readonly PythonValue[]
  | ReadonlyMap<string, PythonValue>;

/** Deeper nesting than this is no header but an attempt at the stack. */
const DEEPEST = 32;

/** What one token looks like where the parser stands. Anchored, so that each is matched in place. */
const SPACE = /[ \t\r\n]*/y;
const STRING = /(['"])((?:(?!\1)[^\\\r\n]|\\['"\\])*)\1/y;
/** Python 2 wrote `3L` for a long integer. */
const INTEGER = /(-?\d+)L?(?![\w.])/y;
const NAME = /(?:True|False|None)\b/y;

const NAMED: ReadonlyMap<string, PythonValue> = new Map<string, PythonValue>([
  ["True", true],
  ["False", false],
  ["None", null],
]);

/**
 * Reads one Python literal: a dict with string keys, tuple, list, string, integer, `True`, `False` or
 * `None`. Nothing is evaluated, and anything else is an error.
 *
 * @param text The literal, with spaces around it or not.
 * @returns The value; tuples and lists are arrays.
 * @throws {SyntaxError} If the text is not such a literal; the message says where.
 */
export function parsePythonLiteral(text: string): PythonValue {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): PythonValue {
    if (depth > DEEPEST) this.#fail(`at most ${DEEPEST} levels of brackets`);
    if (this.#take("{")) return this.#dict(depth + 1);
    if (this.#take("(")) return this.#tuple(depth + 1);
    if (this.#take("[")) return this.#items("]", depth + 1).values;
    const string = this.#match(STRING);
    if (string !== null) return (string[2] ?? "").replaceAll(/\\(.)/g, "$1");
    const integer = this.#match(INTEGER);
    if (integer !== null) return Number(integer[1]);
    const name = this.#match(NAME);
    if (name !== null) return NAMED.get(name[0]) ?? null;
    return this.#fail("a value");
  }

  end(): void {
    this.#skipSpace();
    if (this.#position < this.#text.length) this.#fail("the end");
  }

  #dict(depth: number): PythonValue {
    const entries = new Map<string, PythonValue>();
    while (!this.#take("}")) {
      const key = this.value(depth);
      if (typeof key !== "string") return this.#fail("a string as key");
      if (entries.has(key)) return this.#fail(`the key "${key}" once only`);
      if (!this.#take(":")) this.#fail('":"');
      entries.set(key, this.value(depth));
      if (this.#take(",")) continue;
      if (!this.#take("}")) this.#fail('"," or "}"');
      break;
    }
    return entries;
  }

  /** A tuple, or a value in parentheses: only the comma makes `(3,)` a tuple. */
  #tuple(depth: number): PythonValue {
    const { values, commas } = this.#items(")", depth);
    const [only] = values;
    return values.length === 1 && commas === 0 && only !== undefined ? only : values;
  }

  #items(close: string, depth: number): { values: PythonValue[]; commas: number } {
    const values: PythonValue[] = [];
    let commas = 0;
    while (!this.#take(close)) {
      values.push(this.value(depth));
      if (this.#take(",")) {
        commas++;
        continue;
      }
      if (!this.#take(close)) this.#fail(`"," or "${close}"`);
      break;
    }
    return { values, commas };
  }

  #take(mark: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#position] !== mark) return false;
    this.#position++;
    return true;
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #match(token: RegExp): RegExpExecArray | null {
    token.lastIndex = this.#position;
    const match = token.exec(this.#text);
    if (match !== null) this.#position = token.lastIndex;
    return match;
  }

  #fail(expected: string): never {
    const rest = this.#text.slice(this.#position, this.#position + 20);
    throw new SyntaxError(
      `expected ${expected} at character ${this.#position}, found ` +
        (rest === "" ? "the end" : JSON.stringify(rest)),
    );
  }
}
