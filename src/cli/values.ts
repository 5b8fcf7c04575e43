import { describeBytes, nearestName } from "../base/checks.ts";
import type { Arguments } from "./args.ts";
import { UsageError } from "./usage_error.ts";

/**
 * The value of a flag as a whole number.
 *
 * @returns The number, or `undefined` without the flag.
 * @throws {UsageError} If it is another text or not from `least` to `most`.
 */
export function integerFlag(
  { values }: Arguments,
  name: string,
  least: number,
  most: number = Number.MAX_SAFE_INTEGER,
): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const number = parseInteger(name, text);
  if (number >= least && number <= most) return number;
  const range = most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`;
  throw new UsageError(`Option "--${name}" must be ${range}, but is ${text}`);
}

/**
 * The value of a flag as a number, not necessarily whole.
 *
 * @returns The number, or `undefined` without the flag.
 * @throws {UsageError} If it is another text or not from `least` to `most`.
 */
export function numberFlag(
  { values }: Arguments,
  name: string,
  least: number,
  most: number,
): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (/^[\d.+-]/.test(text) && number >= least && number <= most) return number;
  throw new UsageError(
    `Option "--${name}" must be a number from ${least} to ${most}, but is "${text}"`,
  );
}

/** What a letter behind a size stands for. */
const UNITS = ["", "K", "M", "G", "T"];

/**
 * The value of a flag as a size in memory: a number of bytes, or of K, M, G or T, each 1024 of the one before.
 *
 * @returns The bytes, or `undefined` without the flag.
 * @throws {UsageError} If it is another text or less than `least`.
 */
export function bytesFlag(
  { values }: Arguments,
  name: string,
  least: number,
): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?) ?([KMGT]?)(?:i?B)?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * 1024 ** UNITS.indexOf(unit.toUpperCase()));
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError(`Option "--${name}" needs a size such as 512M or 2G, but has "${text}"`);
  }
  if (bytes >= least) return bytes;
  throw new UsageError(
    `Option "--${name}" must be at least ${describeBytes(least)}, but is ${describeBytes(bytes)}`,
  );
}

/**
 * The value of a flag as whole numbers, separated by commas.
 *
 * @returns The numbers, or `undefined` without the flag.
 * @throws {UsageError} If it is another text.
 */
export function integersFlag({ values }: Arguments, name: string): readonly number[] | undefined {
  return values.get(name)?.split(",").map((part) => parseInteger(name, part));
}

/**
 * The value of a flag as one of a few words.
 *
 * @returns The word, or `undefined` without the flag.
 * @throws {UsageError} If it is another word.
 */
export function choiceFlag<Choice extends string>(
  { values }: Arguments,
  name: string,
  choices: readonly Choice[],
): Choice | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  throw new UsageError(`Option "--${name}" must be ${either(choices)}, but is "${text}"`);
}

/**
 * One of a few words that must be there.
 *
 * @param what What the word says, such as `filter`.
 * @throws {UsageError} If the word is missing or another one.
 */
export function chooseWord<Choice extends string>(
  what: string,
  word: string | undefined,
  choices: readonly Choice[],
): Choice {
  if (word === undefined) throw new UsageError(`Name a ${what}: ${either(choices)}`);
  const found = choices.find((choice) => choice === word);
  if (found !== undefined) return found;
  const guess = nearestName(word, choices);
  throw new UsageError(
    `Unknown ${what} "${word}", ` +
      (guess === undefined ? `expected ${either(choices)}` : `did you mean "${guess}"?`),
  );
}

/**
 * Checks that a command line has no more words than a command reads.
 *
 * @throws {UsageError} If it has.
 */
export function checkNoMore({ positionals }: Arguments, most: number): void {
  const extra = positionals[most];
  if (extra !== undefined) throw new UsageError(`Unexpected argument "${extra}"`);
}

/** A whole number of a flag, of any sign: whoever asked for it knows the bounds. */
export function parseInteger(name: string, text: string): number {
  const number = Number(text);
  if (/^[+-]?\d+$/.test(text) && Number.isSafeInteger(number)) return number;
  throw new UsageError(
    `Option "--${name}" needs whole numbers such as 2 or 2,1, but has "${text}"`,
  );
}

function either(choices: readonly string[]): string {
  return `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
}
