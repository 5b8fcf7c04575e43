import {
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose2d,
  type Engine,
  type Layer,
  Tensor,
} from "../../mod.ts";

/** A layer, and the shape of an input that gives several tiles to share out. */
export interface Sample {
  readonly name: string;
  readonly build: (engine: Engine) => Layer;
  readonly shape: readonly number[];
}

/** One layer of each kind of plan. */
export const SAMPLES: readonly Sample[] = [
  {
    name: "a padded Conv2d",
    build: (engine) => new Conv2d(16, 33, 3, { padding: 1, seed: 1, engine }),
    shape: [3, 16, 28, 29],
  },
  {
    name: "a Conv1d with stride and circular padding",
    build: (engine) =>
      new Conv1d(8, 20, 7, { stride: 2, padding: 3, paddingMode: "circular", seed: 2, engine }),
    shape: [4, 8, 1001],
  },
  {
    name: "a depthwise Conv2d",
    build: (engine) => new Conv2d(48, 48, 5, { groups: 48, padding: "same", seed: 3, engine }),
    shape: [2, 48, 31, 30],
  },
  {
    name: "a Conv3d",
    build: (engine) => new Conv3d(6, 14, [3, 2, 3], { padding: [1, 0, 2], seed: 4, engine }),
    shape: [2, 6, 9, 16, 17],
  },
  {
    name: "a ConvTranspose2d",
    build: (engine) =>
      new ConvTranspose2d(24, 18, 4, { stride: 2, padding: 1, groups: 2, seed: 5, engine }),
    shape: [2, 24, 15, 14],
  },
  {
    name: "a 1x1 Conv2d without bias",
    build: (engine) => new Conv2d(64, 96, 1, { bias: false, seed: 6, engine }),
    shape: [2, 64, 14, 14],
  },
  {
    name: "a fully connected Conv2d",
    build: (engine) => new Conv2d(40, 300, 5, { seed: 7, engine }),
    shape: [3, 40, 5, 5],
  },
];

/** An input for a sample, always the same for the same seed. */
export function inputOf({ shape }: Sample, seed = 0): Tensor {
  return Tensor.randn([...shape], { seed });
}
