import { assert } from "@std/assert";
import type { Reduction } from "../../src/train/loss.ts";
import type { Nonlinearity } from "../../src/train/fan.ts";

/** What PyTorch computes, as `torch_reference.py` writes it. */
export interface TorchReference {
  readonly optimizers: {
    /** The values that each parameter starts from. */
    readonly initial: readonly (readonly number[])[];
    /** The gradients in each step, of each parameter. */
    readonly gradients: readonly (readonly (readonly number[])[])[];
    /** The steps in which the second parameter has no gradient. */
    readonly skipped: readonly number[];
    /** The numbers of steps after which values are noted. */
    readonly kept: readonly number[];
    readonly cases: readonly OptimizerCase[];
  };
  readonly schedules: readonly {
    readonly kind: string;
    readonly options: Readonly<Record<string, number>>;
    readonly factors: readonly number[];
  }[];
  readonly crossEntropies: readonly {
    readonly shape: readonly number[];
    readonly logits: readonly number[];
    readonly labels: readonly number[];
    readonly probabilities: boolean;
    readonly options: {
      readonly label_smoothing?: number;
      readonly ignore_index?: number;
      readonly reduction?: Reduction;
    };
    /** `null` is NaN. */
    readonly loss: number | null;
    readonly gradient: readonly number[];
  }[];
  readonly squares: readonly {
    readonly shape: readonly number[];
    readonly prediction: readonly number[];
    readonly target: readonly number[];
    readonly reduction: Reduction;
    readonly loss: number;
    readonly gradient: readonly number[];
  }[];
  readonly network: {
    readonly tensors: Readonly<Record<string, TorchTensor>>;
    readonly labels: readonly number[];
    readonly target: readonly number[];
    readonly loss: number;
  };
  readonly init: {
    readonly fans: readonly {
      readonly shape: readonly number[];
      readonly fans: readonly number[];
    }[];
    readonly gains: readonly {
      readonly nonlinearity: Nonlinearity;
      readonly slope: number | null;
      readonly gain: number;
    }[];
    readonly diracs: readonly {
      readonly shape: readonly number[];
      readonly groups: number;
      readonly values: readonly number[];
    }[];
    readonly moments: readonly {
      readonly name: DistributionName;
      readonly options: Readonly<Record<string, unknown>>;
      readonly shape: readonly number[];
      readonly low: number;
      readonly high: number;
      readonly mean: number;
      readonly std: number;
    }[];
    readonly orthogonal: {
      readonly rows: readonly (readonly number[])[];
      readonly units: readonly (readonly number[])[];
    };
  };
}

/** A tensor with its gradient. */
export interface TorchTensor {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly gradient: readonly number[];
}

/** The functions of `init` that draw. */
export type DistributionName =
  | "kaimingUniform"
  | "kaimingNormal"
  | "xavierUniform"
  | "xavierNormal"
  | "uniform"
  | "normal"
  | "truncatedNormal";

/** Options in PyTorch's names. */
export interface TorchOptions {
  readonly lr?: number;
  readonly weight_decay?: number;
  readonly maximize?: boolean;
  readonly momentum?: number;
  readonly dampening?: number;
  readonly nesterov?: boolean;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly amsgrad?: boolean;
}

/** One optimizer, and the values after some steps. */
export interface OptimizerCase {
  readonly name: "SGD" | "Adam" | "AdamW";
  readonly options: TorchOptions;
  /** The options of each parameter's own group. */
  readonly groups: readonly TorchOptions[];
  readonly values: readonly (readonly (readonly number[])[])[];
}

const FILE = new URL("torch_reference.jsonl", import.meta.url);

/** The numbers of the file: a section a line. */
export const TORCH: TorchReference = Object.assign(
  {},
  ...Deno.readTextFileSync(FILE).trim().split("\n").map((line) => JSON.parse(line)),
);

/** Checks that numbers are equal to 1e-6, relative to those above 1. */
export function assertNear(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  what: string,
): void {
  assert(actual.length === expected.length, `${what}: ${actual.length} numbers`);
  Array.from(expected, (value, index) => {
    const found = actual[index] ?? NaN;
    const error = Math.abs(found - value) / Math.max(1, Math.abs(value));
    assert(error <= 1e-6, `${what}: [${index}] is ${found}, but ${value} was expected`);
  });
}
