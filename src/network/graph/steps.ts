/**
 * What a network computes for inputs of some shapes, step by step, before it is known where anything will lie.
 *
 * @module
 */

import type { ActivationSettings } from "../../convolution/epilogue.ts";
import type { Geometry } from "../../convolution/geometry.ts";
import type { MapPrograms } from "../../execution/map.ts";
import type { ElementMap } from "../../kernels/maps/elements.ts";
import type { Affine, ConvolutionWeights } from "./weights.ts";
import type { Storage } from "./values.ts";

/** Where a step comes from. */
export interface Origin {
  /** The operator, or several that have become one, such as `Conv + Relu`. */
  readonly operator: string;
  readonly node: string;
  /** The output's. */
  readonly shape: readonly number[];
}

/** A convolution, with what happens to its output on the way. */
export interface Convolution extends Origin {
  readonly kind: "convolution";
  readonly geometry: Geometry;
  readonly weights: ConvolutionWeights;
  readonly activation: ActivationSettings;
  readonly input: Storage;
  readonly add: Storage | null;
  readonly output: Storage;
}

/** What a step means where a convolution before it can do the same on the way. */
export type Meaning =
  /** Every channel times a number, plus a number. */
  | { readonly kind: "affine"; readonly affine: Affine }
  | { readonly kind: "activation"; readonly activation: ActivationSettings }
  /** The sum of two values of the same shape. */
  | { readonly kind: "add" };

/** Something that is computed element by element or window by window. */
export interface Elementwise extends Origin {
  readonly kind: "map";
  readonly inputs: readonly Storage[];
  readonly output: Storage;
  readonly meaning: Meaning | null;
  /** What it is if it goes element by element; its inputs but for numbers are the step's. */
  readonly elements: ElementMap | null;
  /** How many operators that go element by element it does, one behind the other. */
  readonly links: number;
  /** What the threads do; `null` if there is nothing for them. */
  readonly programs: MapPrograms | null;
  readonly compute: (inputs: readonly Float32Array[], output: Float32Array) => void;
}

/** Values one behind the other: they may be made where they are to lie, and then nothing is left to do. */
export interface Concatenation extends Origin {
  readonly kind: "concatenation";
  readonly inputs: readonly Storage[];
  readonly output: Storage;
}

/** A step. */
export type NetworkStep = Convolution | Elementwise | Concatenation;

/** What a step reads. */
export function inputsOf(step: NetworkStep): readonly Storage[] {
  if (step.kind !== "convolution") return step.inputs;
  return step.add === null ? [step.input] : [step.input, step.add];
}

/** What a network computes for inputs of some shapes. */
export interface Lowered {
  readonly steps: readonly NetworkStep[];
  readonly inputs: readonly Storage[];
  readonly outputs: readonly { readonly storage: Storage; readonly shape: readonly number[] }[];
}
