/** Says what a value is, for error messages: short, with its kind where the value alone would mislead. */
export function describe(value: unknown): string {
  return describeNested(value, MOST_DEPTH);
}

/** Arrays inside so many others are not looked into: they may contain themselves. */
const MOST_DEPTH = 3;

function describeNested(value: unknown, depth: number): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? value.slice(0, 57) + "..." : value);
  }
  if (typeof value === "number") return describeNumber(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (Array.isArray(value)) {
    if (depth === 0) return "[...]";
    const shown = value.slice(0, 8).map((element) => describeNested(element, depth - 1));
    return `[${shown.join(", ")}${value.length > 8 ? ", ..." : ""}]`;
  }
  if (typeof value === "object" && value !== null) {
    const constructor: unknown = value.constructor;
    const name = typeof constructor === "function" ? constructor.name : "";
    return name && name !== "Object" ? `a value of type ${name}` : "an object";
  }
  return String(value);
}

/** Whole numbers of more digits are written with an exponent. */
const MOST_DIGITS = 1e21;

/** A number as it is: of whole ones beyond 2^53 `String` shows only as many digits as tell them apart. */
export function describeNumber(value: number): string {
  const large = Number.isInteger(value) && Math.abs(value) > Number.MAX_SAFE_INTEGER;
  return large && Math.abs(value) < MOST_DIGITS ? String(BigInt(value)) : String(value);
}

/** A shape or list of sizes as it is written in code. */
export function describeShape(shape: readonly number[]): string {
  return `[${shape.map(describeNumber).join(", ")}]`;
}

const BYTE_UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/** An amount of memory in the unit that keeps the figure readable. */
export function describeBytes(bytes: number): string {
  return formatBytes(bytes, 3);
}

/**
 * Says that an amount of memory is more than a limit, in as many digits as show it.
 *
 * @returns Both amounts, such as `16.1 GiB, more than the 16.0 GiB`.
 */
export function describeExcess(bytes: number, limit: number): string {
  // A digit costs nothing but room, and 17 tell all numbers apart.
  let digits = 3;
  while (digits < 17 && formatBytes(bytes, digits) === formatBytes(limit, digits)) digits++;
  return `${formatBytes(bytes, digits)}, more than the ${formatBytes(limit, digits)}`;
}

function formatBytes(bytes: number, digits: number): string {
  if (bytes < 1024) return `${bytes} bytes`;
  let unit = 0;
  let amount = bytes;
  // What would be rounded to four digits before the point is written in the next unit.
  while (amount >= 999.5 && unit < BYTE_UNITS.length - 1) {
    amount /= 1024;
    unit++;
  }
  return `${amount.toPrecision(digits)} ${BYTE_UNITS[unit]}`;
}

/**
 * Checks that a value is a safe integer of at least `least`.
 *
 * @throws {TypeError} If it is not a number.
 * @throws {RangeError} If it is a number, but not such an integer.
 */
export function checkInteger(where: string, what: string, value: unknown, least: number): number {
  if (typeof value !== "number") {
    throw new TypeError(`${where}: ${what} must be a number, but is ${describe(value)}`);
  }
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(
      value > Number.MAX_SAFE_INTEGER && Number.isInteger(value)
        ? `${where}: ${what} must be at most ${Number.MAX_SAFE_INTEGER}, but is ${
          describeNumber(value)
        }`
        : `${where}: ${what} must be an integer of at least ${least}, but is ${
          describeNumber(value)
        }`,
    );
  }
  return value;
}

/**
 * Checks that a value is a boolean.
 *
 * @throws {TypeError} If it is not.
 */
export function checkBoolean(where: string, what: string, value: unknown): boolean {
  if (typeof value !== "boolean") {
    throw new TypeError(`${where}: ${what} must be true or false, but is ${describe(value)}`);
  }
  return value;
}

/**
 * Checks that a value is one of a few words.
 *
 * @throws {TypeError} If it is not a string.
 * @throws {RangeError} If it is another string.
 */
export function checkChoice<Choice extends string>(
  where: string,
  what: string,
  value: unknown,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === value);
  if (found !== undefined) return found;
  const message = `${where}: ${what} must be one of ${choices.map(describe).join(", ")}, but is ` +
    describe(value);
  if (typeof value !== "string") throw new TypeError(message);
  throw new RangeError(message + didYouMean(value, choices));
}

/**
 * Checks that options are an object with no names but the known ones.
 *
 * @throws {TypeError} If not; the message names the valid options and, if there is one, the nearest.
 */
export function checkOptionNames(
  where: string,
  options: unknown,
  names: readonly string[],
): void {
  if (typeof options !== "object" || options === null || Array.isArray(options)) {
    throw new TypeError(`${where}: options must be an object, but are ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    throw new TypeError(
      `${where}: unknown option ${describe(name)}${didYouMean(name, names)} ` +
        `(valid options: ${names.join(", ")})`,
    );
  }
}

/** How an error message goes on that says what was probably meant; nothing if nothing is near. */
export function didYouMean(name: string, names: readonly string[]): string {
  const nearest = nearestName(name, names);
  return nearest === undefined ? "" : `, did you mean ${describe(nearest)}?`;
}

/** So many edits make another name of what was probably meant as one of a few short ones. */
const MOST_EDITS = 2;

/**
 * The name that was probably meant: one that is cut short, or a few edits away; case and dashes do not count.
 *
 * @param mostEdits How many edits those are.
 */
export function nearestName(
  name: string,
  names: readonly string[],
  mostEdits: number = MOST_EDITS,
): string | undefined {
  const plain = (text: string) => text.replaceAll(/[_-]/g, "").toLowerCase();
  return completed(plain(name), names, plain) ?? similar(plain(name), names, plain, mostEdits);
}

/** The shortest name that begins so. */
function completed(
  start: string,
  names: readonly string[],
  plain: (text: string) => string,
): string | undefined {
  if (start === "") return undefined;
  return names.filter((name) => plain(name).startsWith(start))
    .toSorted((a, b) => a.length - b.length)[0];
}

/** The name that the fewest edits make of this one. */
function similar(
  word: string,
  names: readonly string[],
  plain: (text: string) => string,
  mostEdits: number,
): string | undefined {
  let nearest: string | undefined;
  let least = mostEdits + 1;
  for (const candidate of names) {
    const other = plain(candidate);
    // It takes one edit for every letter that one has more: names of a megabyte are not compared.
    if (Math.abs(other.length - word.length) >= least) continue;
    const distance = editDistance(word, other);
    if (distance < least && distance <= candidate.length / 2) {
      least = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

/** Levenshtein distance, one row of the table at a time. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}
