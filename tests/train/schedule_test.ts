import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  cosineSchedule,
  linearSchedule,
  type Schedule,
  sequentialSchedule,
  stepSchedule,
} from "../../src/train/schedule.ts";
import { TORCH } from "./_torch_reference.ts";

function scheduleOf(kind: string, options: Readonly<Record<string, number>>): Schedule {
  switch (kind) {
    case "step":
      return stepSchedule({ stepSize: 1, ...options });
    case "cosine":
      return cosineSchedule({ steps: 1, ...options });
    case "linear":
      return linearSchedule(options);
    default:
      return sequentialSchedule(
        [linearSchedule({ steps: 10, start: 0.1 }), cosineSchedule({ steps: 30 })],
        [10],
      );
  }
}

for (const { kind, options, factors } of TORCH.schedules) {
  Deno.test(`A schedule has PyTorch's factors: ${kind} ${JSON.stringify(options)}`, () => {
    const schedule = scheduleOf(kind, options);
    assertEquals(factors.length, 40);
    factors.forEach((factor, step) => assertAlmostEquals(schedule(step), factor, 1e-12));
  });
}

Deno.test("cosineSchedule() rises again after its steps, as PyTorch's", () => {
  const schedule = cosineSchedule({ steps: 10 });
  assertAlmostEquals(schedule(20), 1);
  assertAlmostEquals(schedule(15), 0.5);
});

Deno.test("sequentialSchedule() begins each schedule at its own step 0", () => {
  const schedule = sequentialSchedule([(step) => step, (step) => 100 + step, (step) => -step], [
    3,
    5,
  ]);
  assertEquals([0, 1, 2, 3, 4, 5, 6].map(schedule), [0, 1, 2, 100, 101, -0, -1]);
});

Deno.test("Schedules refuse what they cannot follow", () => {
  assertThrows(() => stepSchedule({ stepSize: 0 }), RangeError, "stepSize must be an integer of");
  assertThrows(() => stepSchedule({ stepSize: 1, gamma: NaN }), RangeError, "gamma must be finite");
  assertThrows(() => cosineSchedule({ steps: 1.5 }), RangeError, "cosineSchedule(): steps");
  assertThrows(
    () => cosineSchedule({ steps: 1, least: Infinity }),
    RangeError,
    "least must be finite",
  );
  assertThrows(() => linearSchedule({ steps: 0 }), RangeError, "linearSchedule(): steps");
  assertThrows(
    () => linearSchedule(JSON.parse('{"length":1}')),
    TypeError,
    'unknown option "length"',
  );
  const one = linearSchedule();
  assertThrows(() => sequentialSchedule([], []), RangeError, "at least one schedule");
  assertThrows(
    () => sequentialSchedule([one, one], []),
    RangeError,
    "2 schedules and 0 milestones",
  );
  assertThrows(() => sequentialSchedule([one, one, one], [4, 4]), RangeError, "milestones[1]");
  assertThrows(() => sequentialSchedule(JSON.parse("[1]"), []), TypeError, "one is [1]");
});
