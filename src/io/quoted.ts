import { describe } from "../base/checks.ts";

/**
 * A name from a file for an error message: in quotes, not too long, and without what would break the line, change the
 * direction of the text or speak to a terminal.
 */
export function quoted(name: string): string {
  return describe(name.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "?"));
}
