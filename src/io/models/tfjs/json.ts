/**
 * JSON of a file, asked for what should be in it.
 *
 * @module
 */

import { describe } from "../../../base/checks.ts";
import { quoted } from "../../quoted.ts";

/** A value in a JSON text, and where it is. */
export class Json {
  readonly #path: string;
  readonly #value: unknown;

  /**
   * @param path Where it is, for error messages.
   * @param value What `JSON.parse` has made of it.
   */
  constructor(path: string, value: unknown) {
    this.#path = path;
    this.#value = value;
  }

  /** What is wrong with the value. */
  fault(expected: string): SyntaxError {
    const value = typeof this.#value === "string" ? quoted(this.#value) : describe(this.#value);
    const name = this.#path === "" ? "it" : `its ${this.#path}`;
    return new SyntaxError(`${name} must be ${expected}, but is ${value}`);
  }

  /** Whether there is no such value. */
  get isMissing(): boolean {
    return this.#value === undefined || this.#value === null;
  }

  /** A member of an object, which may be missing. */
  at(name: string): Json {
    const { value } = this.#own(name);
    return new Json(this.#path === "" ? name : `${this.#path}.${name}`, value);
  }

  #own(name: string): { readonly value?: unknown } {
    const value = this.#value;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.fault("an object");
    }
    return Object.getOwnPropertyDescriptor(value, name) ?? {};
  }

  /** The elements of a list. */
  list(): readonly Json[] {
    if (!Array.isArray(this.#value)) throw this.fault("a list");
    return this.#value.map((element: unknown, i) => new Json(`${this.#path}[${i}]`, element));
  }

  text(): string {
    if (typeof this.#value !== "string") throw this.fault("a text");
    return this.#value;
  }

  boolean(): boolean {
    if (typeof this.#value !== "boolean") throw this.fault("true or false");
    return this.#value;
  }

  /** A whole number. */
  integer(least: number, most: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#value;
    if (typeof value === "number" && Number.isSafeInteger(value)) {
      if (value >= least && value <= most) return value;
    }
    throw this.fault(
      most === Number.MAX_SAFE_INTEGER
        ? `a whole number from ${least} on`
        : `a whole number from ${least} to ${most}`,
    );
  }

  /** Whole numbers, as many as said. */
  integers(count: number, least: number): readonly number[] {
    const list = this.list();
    if (list.length !== count) throw this.fault(`${count} whole numbers`);
    return list.map((element) => element.integer(least));
  }

  /** One of some texts, of which the others are not known here. */
  oneOf(choices: readonly string[]): string {
    const text = this.text();
    if (choices.includes(text)) return text;
    throw this.fault(choices.map((choice) => JSON.stringify(choice)).join(" or "));
  }
}

/**
 * Reads a JSON text.
 *
 * @throws {SyntaxError} If it is none.
 */
export function parseJson(bytes: Uint8Array): Json {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return new Json("", JSON.parse(text));
  } catch (error) {
    throw new SyntaxError("it is no JSON text", { cause: error });
  }
}
