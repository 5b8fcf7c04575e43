import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Conv2d } from "../../src/layers/conv.ts";
import { Parameter } from "../../src/layers/parameter.ts";
import { Tensor } from "../../src/tensor/tensor.ts";
import {
  Adam,
  type AdamOptions,
  AdamW,
  type GroupOptions,
  type Optimizer,
  SGD,
  type SGDOptions,
  stepSchedule,
} from "../../src/train/mod.ts";
import { assertNear, type OptimizerCase, TORCH, type TorchOptions } from "./_torch_reference.ts";

type Options = SGDOptions & AdamOptions;

const OUR_NAMES: Readonly<Record<keyof TorchOptions, keyof Options>> = {
  lr: "learningRate",
  weight_decay: "weightDecay",
  maximize: "maximize",
  momentum: "momentum",
  dampening: "dampening",
  nesterov: "nesterov",
  betas: "betas",
  eps: "epsilon",
  amsgrad: "amsgrad",
};

function ourOptions(options: TorchOptions): Options {
  const names: Readonly<Record<string, string>> = OUR_NAMES;
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [names[name], value]),
  );
}

const OPTIMIZERS = { SGD, Adam, AdamW } as const;

const { initial, gradients, skipped, kept, cases } = TORCH.optimizers;

function initialParameters(): Parameter[] {
  return initial.map((values) => new Parameter(Tensor.from(values)));
}

function optimizerOf(
  { name, options, groups }: Omit<OptimizerCase, "values">,
  parameters: readonly Parameter[],
): Optimizer<GroupOptions> {
  const grouped = parameters.map((parameter, index) => ({
    parameters: [parameter],
    ...ourOptions(groups[index] ?? {}),
  }));
  return new OPTIMIZERS[name](grouped, ourOptions(options));
}

/** Takes the steps from one number to another. */
function takeSteps(
  optimizer: Optimizer<GroupOptions>,
  parameters: readonly Parameter[],
  from: number,
  to: number,
) {
  for (let step = from; step < to; step++) {
    parameters.forEach((parameter, index) => {
      const gradient = gradients[step]?.[index] ?? [];
      const missing = index === 1 && skipped.includes(step);
      parameter.grad = missing ? null : Tensor.from(gradient);
    });
    optimizer.step();
  }
}

for (const torch of cases) {
  const { name, options, groups, values } = torch;
  const title = `${name} ${JSON.stringify([options, ...groups])}`;

  Deno.test(`${title} takes twenty steps as PyTorch does`, () => {
    const parameters = initialParameters();
    const optimizer = optimizerOf(torch, parameters);
    let done = 0;
    kept.forEach((steps, index) => {
      takeSteps(optimizer, parameters, done, steps);
      done = steps;
      parameters.forEach((parameter, position) => {
        const expected = values[index]?.[position] ?? [];
        assertNear(parameter.data, expected, `parameter ${position} after ${steps} steps`);
      });
    });
    assertEquals(done, 20);
  });

  Deno.test(`${title} goes on with the same bits after its state was saved and loaded`, () => {
    const parameters = initialParameters();
    const optimizer = optimizerOf(torch, parameters);
    takeSteps(optimizer, parameters, 0, 9);
    const state = optimizer.stateDict();
    const copies = parameters.map(({ data, shape }) =>
      new Parameter(new Tensor(data.slice(), shape))
    );
    takeSteps(optimizer, parameters, 9, 20);
    const resumed = optimizerOf(torch, copies);
    resumed.loadStateDict(state);
    assertEquals(resumed.steps, 9);
    takeSteps(resumed, copies, 9, 20);
    copies.forEach((copy, index) => assertEquals(copy.data, parameters[index]?.data));
  });
}

Deno.test("Optimizer.step() changes the arrays that layers read", () => {
  const layer = new Conv2d(1, 1, 1, { bias: false });
  layer.weight.data[0] = 2;
  layer.weight.grad = Tensor.ones(layer.weight.shape);
  const x = Tensor.ones([1, 1, 1]);
  assertEquals([...layer.forwardSync(x).data], [2]);
  new SGD(layer.parameters(), { learningRate: 0.5 }).step();
  assertEquals([...layer.forwardSync(x).data], [1.5]);
});

Deno.test("Optimizer.step() leaves an infinite parameter without weight decay what it is", () => {
  for (const Class of [SGD, Adam]) {
    const parameter = new Parameter(Tensor.from([Infinity]));
    parameter.grad = Tensor.from([1]);
    new Class([parameter], { learningRate: 0.1 }).step();
    assertEquals([...parameter.data], [Infinity]);
  }
});

Deno.test("Optimizer.step() multiplies every learning rate by its schedule", () => {
  const first = new Parameter(Tensor.from([0]));
  const second = new Parameter(Tensor.from([0]));
  const schedule = stepSchedule({ stepSize: 1, gamma: 0.5 });
  const optimizer = new SGD(
    [{ parameters: [first] }, { parameters: [second], learningRate: 10 }],
    { learningRate: 1, schedule },
  );
  for (const parameter of [first, second]) parameter.grad = Tensor.from([-1]);
  const values = [1, 2, 3].map(() => {
    optimizer.step();
    return [first, second].map(({ data }) => data[0]);
  });
  assertEquals(values, [[1, 10], [1.5, 15], [1.75, 17.5]]);
});

Deno.test("Optimizer.learningRate can be set", () => {
  const parameter = new Parameter(Tensor.from([0]));
  parameter.grad = Tensor.from([-1]);
  const optimizer = new SGD([parameter], { learningRate: 1 });
  optimizer.step();
  optimizer.learningRate = 0.25;
  optimizer.step();
  assertEquals(optimizer.learningRate, 0.25);
  assertEquals([...parameter.data], [1.25]);
  assertThrows(() => optimizer.learningRate = -1, RangeError, "SGD: learningRate must be finite");
  assertThrows(() => optimizer.learningRate = NaN, RangeError, "but is NaN");
});

Deno.test("Optimizer.zeroGrad() sets all gradients to null", () => {
  const parameters = initialParameters();
  for (const parameter of parameters) parameter.grad = Tensor.zeros(parameter.shape);
  new Adam(parameters).zeroGrad();
  assertEquals(parameters.map(({ grad }) => grad), [null, null]);
});

Deno.test("Optimizer.step() checks all gradients before it changes a parameter", () => {
  const first = new Parameter(Tensor.from([1, 2, 3]));
  const second = new Parameter(Tensor.from([1, 2, 3, 4, 5]));
  const optimizer = new SGD([first, second], { learningRate: 1, momentum: 0.5 });
  first.grad = Tensor.ones(first.shape);
  second.grad = Tensor.ones([4]);
  const error = assertThrows(() => optimizer.step(), RangeError);
  assertEquals(
    error.message,
    "SGD: the gradient of parameter 1 must have shape [5], but has [4]",
  );
  assertEquals([...first.data], [1, 2, 3]);
  assertEquals(optimizer.steps, 0);
  assertEquals(Object.keys(optimizer.stateDict()), ["steps"]);
});

Deno.test("Optimizer.step() says that a schedule's factor is no number", () => {
  const optimizer = new SGD(initialParameters(), { learningRate: 1, schedule: () => NaN });
  assertThrows(
    () => optimizer.step(),
    RangeError,
    "the schedule's factor at step 0 must be finite",
  );
});

Deno.test("Optimizer.stateDict() has PyTorch's names", () => {
  const parameters = initialParameters();
  const optimizer = new Adam(parameters, { amsgrad: true });
  takeSteps(optimizer, parameters, 0, 1);
  const state = optimizer.stateDict();
  assertEquals(Object.keys(state), [
    "steps",
    "0.step",
    "0.exp_avg",
    "0.exp_avg_sq",
    "0.max_exp_avg_sq",
  ]);
  assertEquals(state["0.exp_avg"]?.shape, parameters[0]?.shape);
  takeSteps(optimizer, parameters, 1, 2);
  assertEquals(state["0.step"]?.data[0], 1);
});

Deno.test("Optimizer.loadStateDict() changes nothing where it throws", () => {
  const parameters = initialParameters();
  const optimizer = new Adam(parameters);
  takeSteps(optimizer, parameters, 0, 3);
  const state = optimizer.stateDict();
  const { "1.exp_avg": _, ...missing } = state;
  const wrong: readonly [Record<string, Tensor>, string][] = [
    [missing, 'Adam: "1.exp_avg" is missing from the state'],
    [{ ...state, "0.momentum_buffer": Tensor.zeros([19]) }, 'unknown name "0.momentum_buffer"'],
    [{ ...state, "2.step": Tensor.from(1) }, 'unknown name "2.step"'],
    [{ ...state, "1.exp_avg": Tensor.zeros([4]) }, "must have shape [5], but has [4]"],
    [{ ...state, "0.step": Tensor.from(1.5) }, "must be an integer of at least 0, but is 1.5"],
    [{}, 'Adam: "steps" is missing from the state'],
  ];
  for (const [dict, message] of wrong) {
    assertThrows(() => optimizer.loadStateDict(dict), Error, message);
    assertEquals(optimizer.stateDict(), state);
  }
  assertThrows(() => optimizer.loadStateDict(JSON.parse("null")), TypeError, "but is null");
});

Deno.test("Optimizer.loadStateDict() copies", () => {
  const parameters = initialParameters();
  const optimizer = new Adam(parameters);
  takeSteps(optimizer, parameters, 0, 3);
  const state = optimizer.stateDict();
  const other = new Adam(parameters);
  other.loadStateDict(state);
  state["0.exp_avg"]?.data.fill(7);
  assertNotEquals(other.stateDict()["0.exp_avg"], state["0.exp_avg"]);
});

const parameter = new Parameter(Tensor.from([1]));

/** What a user of JavaScript may give. */
function build(Class: unknown, ...args: unknown[]): unknown {
  if (typeof Class !== "function") throw new TypeError("not a class");
  return Reflect.construct(Class, args);
}

const MISTAKES: readonly [string, unknown, unknown[], string][] = [
  ["no learning rate", SGD, [[parameter]], "SGD: learningRate must be given"],
  ["no array", SGD, [parameter, { learningRate: 1 }], "SGD: parameters must be an array of Param"],
  ["no parameters", Adam, [[]], "Adam: there are no parameters"],
  [
    "a tensor for a parameter",
    Adam,
    [[Tensor.zeros([1])]],
    "Adam: parameters must be Parameters or groups",
  ],
  [
    "a parameter twice",
    Adam,
    [[parameter, parameter]],
    "Adam: parameters 0 and 1 are the same one",
  ],
  [
    "groups and parameters",
    Adam,
    [[{ parameters: [] }, parameter]],
    "but parameters[1] is a value of type Parameter",
  ],
  [
    "a group without parameters",
    Adam,
    [[{ parameters: 1 }]],
    "Adam: group 0: parameters must be an array",
  ],
  [
    "options of a group",
    Adam,
    [[{ parameters: [parameter], epsilon: -1 }]],
    "Adam: group 0: epsilon",
  ],
  ["an unknown option", AdamW, [[parameter], { lr: 1 }], 'AdamW: unknown option "lr"'],
  ["another kind's option", Adam, [[parameter], { momentum: 1 }], 'unknown option "momentum"'],
  ["a schedule of a group", Adam, [[{ parameters: [], schedule: () => 1 }]], '"schedule"'],
  ["a schedule that is none", Adam, [[parameter], { schedule: 1 }], "schedule must be a function"],
  [
    "a negative rate",
    Adam,
    [[parameter], { learningRate: -1 }],
    "learningRate must be finite, at least 0",
  ],
  [
    "a negative decay",
    Adam,
    [[parameter], { weightDecay: -1 }],
    "weightDecay must be finite, at least 0",
  ],
  ["one beta", Adam, [[parameter], { betas: 0.9 }], "betas must be two numbers"],
  [
    "a beta of 1",
    Adam,
    [[parameter], { betas: [0.9, 1] }],
    "betas[1] must be finite, at least 0, below 1",
  ],
  ["a word", Adam, [[parameter], { amsgrad: "yes" }], "amsgrad must be true or false"],
  [
    "a negative momentum",
    SGD,
    [[parameter], { learningRate: 1, momentum: -1 }],
    "momentum must be",
  ],
  [
    "nesterov alone",
    SGD,
    [[parameter], { learningRate: 1, nesterov: true }],
    "nesterov needs a momentum",
  ],
];

for (const [title, Class, args, message] of MISTAKES) {
  Deno.test(`Optimizers refuse ${title}`, () => {
    assertThrows(() => build(Class, ...args), Error, message);
  });
}
