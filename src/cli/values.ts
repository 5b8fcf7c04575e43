import { describeBytes, didYouMean } from "../base/checks.ts";
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
  return parseInteger(name, text, { ...ONE_NUMBER, least, most });
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
  if (DECIMAL.test(text) && number >= least && number <= most) return number;
  throw new UsageError(
    `Option "--${name}" must be a number from ${least} to ${most}, but is "${text}"`,
  );
}

/**
 * A text as a number, not necessarily whole.
 *
 * @param name The flag that it is of.
 * @throws {UsageError} If it is another text.
 */
export function parseNumber(name: string, text: string): number {
  const number = Number(text);
  if (DECIMAL.test(text) && Number.isFinite(number)) return number;
  throw new UsageError(`Option "--${name}" must be numbers such as 0.5,0.5,0.5, but is "${text}"`);
}

/** A number as it is written everywhere; `Number()` takes hexadecimal and empty ones too. */
const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

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
  if (number === undefined) {
    throw new UsageError(`Option "--${name}" needs a size such as 512M or 2G, but has "${text}"`);
  }
  const bytes = Math.floor(Number(number) * 1024 ** UNITS.indexOf(unit.toUpperCase()));
  if (!Number.isSafeInteger(bytes)) {
    throw new UsageError(`Option "--${name}" must be at most 8191T, but is ${text}`);
  }
  if (bytes >= least) return bytes;
  throw new UsageError(
    `Option "--${name}" must be at least ${describeBytes(least)}, but is ${describeBytes(bytes)}`,
  );
}

/** What numbers a flag takes. */
export interface NumberRule {
  /** What is asked for, such as `a whole number such as 2`. */
  readonly expected: string;
  readonly least: number;
  readonly most?: number;
}

const ONE_NUMBER = { expected: "a whole number such as 2" };

const ANY_NUMBERS = { expected: severalNumbers(2), least: -Number.MAX_SAFE_INTEGER };

/**
 * The value of a flag as whole numbers, separated by commas.
 *
 * @param args The command line.
 * @param name The flag.
 * @param rule What numbers the flag takes. Default: all.
 * @returns The numbers, or `undefined` without the flag.
 * @throws {UsageError} If it is another text.
 */
export function integersFlag(
  { values }: Arguments,
  name: string,
  rule: NumberRule = ANY_NUMBERS,
): readonly number[] | undefined {
  return values.get(name)?.split(",").map((part) => parseInteger(name, part, rule));
}

/**
 * The value of a flag as sizes of a shape, separated by commas.
 *
 * @returns The sizes, or `undefined` without the flag.
 * @throws {UsageError} If it is another text, or a size is negative.
 */
export function shapeFlag({ values }: Arguments, name: string): readonly number[] | undefined {
  const text = values.get(name);
  return text === undefined ? undefined : parseSizes(name, text);
}

/**
 * A text as sizes of a shape, separated by commas.
 *
 * @param name The flag that it is of.
 * @throws {UsageError} If it is another text, or a size is negative.
 */
export function parseSizes(name: string, text: string): readonly number[] {
  const rule = { expected: "sizes such as 1,3,224,224", least: 0 };
  return text.split(",").map((part) => parseInteger(name, part, rule));
}

/**
 * The value of a flag as a whole number for all axes, or one per axis, separated by commas.
 *
 * @param args The command line.
 * @param name The flag.
 * @param axes How many axes there are.
 * @param least The smallest of the numbers.
 * @returns The numbers, or `undefined` without the flag.
 * @throws {UsageError} If it is another text.
 */
export function axesFlag(
  { values }: Arguments,
  name: string,
  axes: number,
  least: number,
): readonly number[] | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const parts = text.split(",");
  checkAxes(name, parts, axes);
  const rule = axes === 1 ? { ...ONE_NUMBER, least } : { expected: severalNumbers(axes), least };
  return parts.map((part) => parseInteger(name, part, rule));
}

/**
 * Checks that there is one part of a value for all axes, or one per axis.
 *
 * @throws {UsageError} If not.
 */
export function checkAxes(name: string, parts: readonly string[], axes: number): void {
  if (parts.length === 1 || parts.length === axes) return;
  const expected = axes === 1 ? "one number" : `one number, or one per axis (${axes})`;
  throw new UsageError(
    `Option "--${name}" takes ${expected}, but has ${parts.length}: ${parts.join(",")}`,
  );
}

/** What is asked for where there is a number for each of some axes. */
export function severalNumbers(axes: number): string {
  return `whole numbers such as 2 or ${[2, ...new Array<number>(axes - 1).fill(1)].join()}`;
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
  throw new UsageError(
    `Option "--${name}" must be ${either(choices)}, but is "${text}"${didYouMean(text, choices)}`,
  );
}

/**
 * One of a few words that must be there.
 *
 * @param what What the word says, such as `filter`.
 * @param word The word.
 * @param choices The words.
 * @param others What else may have been meant.
 * @throws {UsageError} If the word is missing or another one.
 */
export function chooseWord<Choice extends string>(
  what: string,
  word: string | undefined,
  choices: readonly Choice[],
  others: readonly string[] = [],
): Choice {
  if (word === undefined) throw new UsageError(`Name a ${what}: ${either(choices)}`);
  const found = choices.find((choice) => choice === word);
  if (found !== undefined) return found;
  const hint = didYouMean(word, [...choices, ...others]) || `, expected ${either(choices)}`;
  throw new UsageError(`Unknown ${what} "${word}"${hint}`);
}

/**
 * Checks that a command line has no more words than a command reads.
 *
 * @throws {UsageError} If it has.
 */
export function checkNoMore(
  { positionals }: Pick<Arguments, "positionals">,
  most: number,
): void {
  const extra = positionals[most];
  if (extra !== undefined) throw new UsageError(`Unexpected argument "${extra}"`);
}

/**
 * Checks that only one of two flags is there.
 *
 * @throws {UsageError} If both are.
 */
export function checkExclusive(
  names: { has(name: string): boolean },
  first: string,
  second: string,
): void {
  if (!names.has(first) || !names.has(second)) return;
  throw new UsageError(`Options "--${first}" and "--${second}" exclude each other`);
}

/**
 * A whole number of a flag's value.
 *
 * @param name The flag.
 * @param text The number.
 * @param rule What numbers the flag takes.
 * @throws {UsageError} If it is another text or another number.
 */
export function parseInteger(
  name: string,
  text: string,
  { expected, least, most = Number.MAX_SAFE_INTEGER }: NumberRule,
): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw new UsageError(`Option "--${name}" needs ${expected}, but has "${text}"`);
  }
  // What is too large for a number to be exact is compared as it is, and printed as it was given.
  const exact = BigInt(text.replace("+", ""));
  if (exact >= least && exact <= most) return Number(exact);
  const range = exact > Number.MAX_SAFE_INTEGER && most === Number.MAX_SAFE_INTEGER
    ? `at most ${most}`
    : most === Number.MAX_SAFE_INTEGER
    ? `at least ${least}`
    : `from ${least} to ${most}`;
  throw new UsageError(`Option "--${name}" must be ${range}, but is ${text}`);
}

function either(choices: readonly string[]): string {
  return `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
}
