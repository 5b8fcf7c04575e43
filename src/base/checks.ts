/** Says what a value is, for error messages: short, with its kind where the value alone would mislead. */
export function describe(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 60 ? value.slice(0, 57) + "..." : value);
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return "a function";
  if (typeof value === "symbol") return "a symbol";
  if (Array.isArray(value)) {
    const shown = value.slice(0, 8).map(describe);
    return `[${shown.join(", ")}${value.length > 8 ? ", ..." : ""}]`;
  }
  if (typeof value === "object" && value !== null) {
    const constructor: unknown = value.constructor;
    const name = typeof constructor === "function" ? constructor.name : "";
    return name && name !== "Object" ? `a value of type ${name}` : "an object";
  }
  return String(value);
}

/** A shape or list of sizes as it is written in code. */
export function describeShape(shape: readonly number[]): string {
  return `[${shape.join(", ")}]`;
}

/** An amount of memory in the unit that keeps the figure readable. */
export function describeBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit++;
  }
  return `${unit === 0 ? bytes : bytes.toPrecision(3)} ${units[unit]}`;
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
      `${where}: ${what} must be an integer of at least ${least}, but is ${value}`,
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
  throw typeof value === "string" ? new RangeError(message) : new TypeError(message);
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
    const nearest = nearestName(name, names);
    throw new TypeError(
      `${where}: unknown option ${describe(name)}` +
        (nearest === undefined ? "" : `, did you mean ${describe(nearest)}?`) +
        ` (valid options: ${names.join(", ")})`,
    );
  }
}

/** The name that was probably meant: the same but for case and underscores, or two edits away. */
export function nearestName(name: string, names: readonly string[]): string | undefined {
  const plain = (text: string) => text.replaceAll(/[_-]/g, "").toLowerCase();
  let nearest: string | undefined;
  let least = 3;
  for (const candidate of names) {
    const distance = editDistance(plain(name), plain(candidate));
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
