/**
 * The terms of a sum, as offsets in their order: a list where they are few, loops over lists where a list
 * would be as long as a large kernel.
 *
 * @module
 */

/** Offsets, one after the other. */
export type Terms = readonly (number | Repeat)[];

/** The same terms again and again, each time a step further. */
export interface Repeat {
  readonly count: number;
  readonly step: number;
  readonly body: Terms;
}

/** More terms than this are not listed. */
export const MOST_LISTED = 1024;

/** `body`, `count` times, each a step further than the time before. */
export function repeated(count: number, step: number, body: Terms): Terms {
  const repeat = { count, step, body };
  if (count * countTerms(body) <= MOST_LISTED) return listTerms([repeat]);
  return [evenly(repeat) ?? repeat];
}

/** Terms that are evenly spaced throughout, one at a time; `null` if they are not. */
function evenly({ count, step, body }: Repeat): Repeat | null {
  const [first, ...others] = body;
  if (typeof first === "object") {
    const isOne = others.length === 0 && first.count * first.step === step;
    return isOne ? { ...first, count: first.count * count } : null;
  }
  if (first === undefined) return null;
  const each = step / body.length;
  const isEven = body.every((term, i) => term === first + i * each);
  return isEven ? { count: count * body.length, step: each, body: [first] } : null;
}

/** How many terms there are. */
export function countTerms(terms: Terms): number {
  return terms.reduce<number>((sum, term) => sum + countOf(term), 0);
}

function countOf(term: number | Repeat): number {
  return typeof term === "number" ? 1 : term.count * countTerms(term.body);
}

/** Every offset. */
export function listTerms(terms: Terms): number[] {
  const list: number[] = [];
  const append = (terms: Terms, base: number) => {
    for (const term of terms) {
      if (typeof term === "number") list.push(base + term);
      else for (let i = 0; i < term.count; i++) append(term.body, base + i * term.step);
    }
  };
  append(terms, 0);
  return list;
}

/** The same terms, each by so much further. */
export function shiftedTerms(terms: Terms, distance: number): Terms {
  return terms.map((term) =>
    typeof term === "number"
      ? term + distance
      : { ...term, body: shiftedTerms(term.body, distance) }
  );
}

/** The same terms in other units. */
export function scaledTerms(terms: Terms, factor: number): Terms {
  return terms.map((term) =>
    typeof term === "number"
      ? term * factor
      : { ...term, step: term.step * factor, body: scaledTerms(term.body, factor) }
  );
}

/** The least offset. */
export function leastTerm(terms: Terms): number {
  return terms.reduce<number>((least, term) => Math.min(least, leastOf(term)), Infinity);
}

function leastOf(term: number | Repeat): number {
  if (typeof term === "number") return term;
  return leastTerm(term.body) + Math.min(0, (term.count - 1) * term.step);
}

/** The first offset, `undefined` if there is none. */
export function firstTerm([first]: Terms): number | undefined {
  return typeof first === "object" ? firstTerm(first.body) : first;
}
