/**
 * Decides where the values of a network lie: those that are put one behind the other are made where they will be, and
 * places are given back when the last step that reads them is done.
 *
 * @module
 */

import { describeExcess } from "../base/checks.ts";
import type { Sequence, Step } from "../execution/sequence.ts";
import type { Slot } from "../execution/places.ts";
import { type ElementMap, planElements } from "../kernels/maps/elements.ts";
import { SAME } from "../kernels/maps/formulas.ts";
import { NO_EPILOGUE } from "../convolution/epilogue.ts";
import type { Convolution, Elementwise, Lowered, NetworkStep } from "./graph/steps.ts";
import type { Storage } from "./graph/values.ts";

/** Where a value lies in another one. */
interface Part {
  readonly whole: Storage;
  readonly offset: number;
}

/** Where everything lies. */
export interface Placement {
  readonly sequence: Sequence;
  /** For each step of the sequence the index of the network's step that it does something of. */
  readonly origins: readonly number[];
}

/**
 * Lays out what steps make.
 *
 * @throws {RangeError} If it takes too much memory.
 */
export function placed(lowered: Lowered): Placement {
  const parts = partsOf(lowered);
  const places: number[] = [];
  const indices = new Map<Storage, number>();
  const slotOf = (storage: Storage): Slot => {
    const { whole, offset } = locate(storage, parts);
    const place = indices.get(whole) ?? places.push(whole.length) - 1;
    indices.set(whole, place);
    return { place, offset, length: storage.length };
  };
  const inputs = lowered.inputs.map(slotOf);
  const works = lowered.steps.map((step) => worksOf(step, slotOf));
  const outputs = lowered.outputs.map(({ storage }) => slotOf(storage));
  const placement = {
    sequence: { places, inputs, outputs, steps: withEnds(works.flat(), outputs) },
    origins: works.flatMap((some, index) => some.map(() => index)),
  };
  checkBytes(lowered, placement);
  return placement;
}

function locate(storage: Storage, parts: ReadonlyMap<Storage, Part>): Part {
  return parts.get(storage) ?? { whole: storage, offset: 0 };
}

/** What is made as a part of a concatenation. The largest come last, and parts of them may be others. */
function partsOf({ steps, inputs }: Lowered): Map<Storage, Part> {
  const parts = new Map<Storage, Part>();
  const given = new Set(inputs);
  for (const step of steps.toReversed()) {
    if (step.kind !== "concatenation") continue;
    if (isRun(step.inputs, parts)) {
      const [first] = step.inputs;
      const part = first && parts.get(first);
      // It is there already, in a larger one; if itself is a part of yet another, that has to be copied.
      if (part !== undefined && !parts.has(step.output)) parts.set(step.output, part);
      continue;
    }
    // Larger ones have come before: where this one lies stays as it is.
    const { whole, offset: start } = locate(step.output, parts);
    let offset = start;
    for (const input of step.inputs) {
      const isFree = !parts.has(input) && !given.has(input) && input !== step.output;
      if (isFree) parts.set(input, { whole, offset });
      offset += input.length;
    }
  }
  return parts;
}

/** Whether values lie one behind the other already. */
function isRun(values: readonly Storage[], parts: ReadonlyMap<Storage, Part>): boolean {
  const [first] = values;
  const start = first && parts.get(first);
  if (start === undefined) return false;
  let { offset } = start;
  return values.every((value) => {
    const part = parts.get(value);
    const isNext = part?.whole === start.whole && part.offset === offset;
    offset += value.length;
    return isNext;
  });
}

type Work = Step["work"];

function worksOf(step: NetworkStep, slotOf: (storage: Storage) => Slot): Work[] {
  switch (step.kind) {
    case "convolution":
      return [convolutionOf(step, slotOf)];
    case "map":
      return [arraysOf(step, slotOf)];
    case "concatenation": {
      const whole = slotOf(step.output);
      let { offset } = whole;
      return step.inputs.flatMap((storage) => {
        const from = slotOf(storage);
        const to = { ...whole, offset, length: storage.length };
        offset += storage.length;
        return from.place === to.place && from.offset === to.offset ? [] : [copyOf(from, to)];
      });
    }
  }
}

function convolutionOf(step: Convolution, slotOf: (storage: Storage) => Slot): Work {
  const { geometry, weights, activation } = step;
  return {
    kind: "convolution",
    geometry,
    operands: {
      weight: weights.values,
      bias: weights.bias,
      activation: activation.activation === null ? NO_EPILOGUE : activation,
      algorithm: "auto",
      pass: "forward",
      frozenKey: weights,
      weightKey: weights,
      areKept: true,
    },
    input: slotOf(step.input),
    add: step.add && slotOf(step.add),
    output: slotOf(step.output),
  };
}

function arraysOf(step: Elementwise, slotOf: (storage: Storage) => Slot): Work {
  const { compute, programs } = step;
  return {
    kind: "arrays",
    programs,
    inputs: step.inputs.map(slotOf),
    output: slotOf(step.output),
    *compute(inputs, output) {
      yield compute(inputs, output);
    },
  };
}

function copyOf(from: Slot, to: Slot): Work {
  const { length } = from;
  const copy: ElementMap = {
    name: "copy",
    shape: [length],
    inputs: [{ length, steps: [1] }],
    steps: [1],
    formula: SAME,
  };
  return {
    kind: "arrays",
    programs: { operands: [0], plan: (target) => planElements(copy, target) },
    inputs: [from],
    output: to,
    *compute([source], target) {
      yield source && target.set(source);
    },
  };
}

/** Has each place given back after the last step that reads it. */
function withEnds(works: readonly Work[], outputs: readonly Slot[]): Step[] {
  const last = new Map<number, number>();
  for (const [time, work] of works.entries()) {
    for (const { place } of slotsOf(work)) last.set(place, time);
  }
  for (const { place } of outputs) last.delete(place);
  const closes = works.map((): number[] => []);
  for (const [place, end] of last) closes[end]?.push(place);
  return works.map((work, time) => ({ work, closes: closes[time] ?? [] }));
}

function slotsOf(work: Work): readonly Slot[] {
  if (work.kind === "arrays") return [...work.inputs, work.output];
  const { input, add, output } = work;
  return add === null ? [input, output] : [input, add, output];
}

/** The most bytes of places that are alive at the same time. */
export function mostBytes(sequence: Sequence): number {
  return bytesAlive(sequence).reduce((most, bytes) => Math.max(most, bytes), 0);
}

/** The bytes of the places that are alive in each step. */
function bytesAlive({ places, inputs, steps }: Sequence): number[] {
  const alive = new Set<number>();
  let elements = 0;
  const open = (place: number) => {
    if (!alive.has(place)) elements += places[place] ?? 0;
    alive.add(place);
  };
  inputs.forEach(({ place }) => open(place));
  return steps.map(({ work, closes }) => {
    open(work.output.place);
    const bytes = elements * Float32Array.BYTES_PER_ELEMENT;
    for (const place of closes) if (alive.delete(place)) elements -= places[place] ?? 0;
    return bytes;
  });
}

/** What is alive together may take so many bytes. */
const MOST_BYTES = 2 ** 32;

/** @throws {RangeError} If steps leave too much for others, with the first one of them. */
function checkBytes({ steps }: Lowered, { sequence, origins }: Placement): void {
  const alive = bytesAlive(sequence);
  const at = alive.findIndex((bytes) => bytes > MOST_BYTES);
  const step = steps[origins[at] ?? -1];
  if (step === undefined) return;
  throw new RangeError(
    `${step.operator} ${JSON.stringify(step.node)}: what it makes and what is still asked for ` +
      `takes ${describeExcess(alive[at] ?? 0, MOST_BYTES)}`,
  );
}
