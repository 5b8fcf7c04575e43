import { assertEquals } from "@std/assert";
import { type Player, playTurns, rested, takeTurns } from "../../bench/turns.ts";

Deno.test("players are warmed up and then take turns, long calls without a lead-in", async () => {
  const log: string[] = [];
  const player = (name: string, seconds: number): Player => ({
    warmUp: () => Promise.resolve(log.push(`${name} warms up`)),
    turn: (leadIn) => {
      log.push(leadIn > 0 ? `${name} after a lead-in` : name);
      return Promise.resolve(seconds);
    },
  });
  const times = await playTurns([player("quick", 1e-3), player("long", 1)], 0);
  assertEquals(times, [Array<number>(5).fill(1e-3), Array<number>(5).fill(1)]);
  assertEquals(log, [
    "quick warms up",
    "long warms up",
    "quick after a lead-in",
    "long after a lead-in",
    ...Array(4).fill(["quick after a lead-in", "long"]).flat(),
  ]);
});

Deno.test("contestants are called in turn, and waited for", async () => {
  const order: string[] = [];
  const call = (name: string) => () => void (order.at(-1) !== name && order.push(name));
  const times = await takeTurns([call("a"), () => Promise.resolve().then(call("b"))], 0);
  assertEquals(times.map((turns) => turns.length), [5, 5]);
  assertEquals(order.join(""), "ab".repeat(6));
});

Deno.test("who rests is not called at once, and is then called alike", async () => {
  const log: string[] = [];
  const player = rested({
    warmUp: () => Promise.resolve(log.push("warms up")),
    turn: (leadIn, seconds) => Promise.resolve(log.push(`${leadIn}, ${seconds}`)),
  });
  await player.warmUp();
  const turn = player.turn(0.5, 2);
  await Promise.resolve();
  assertEquals(log, ["warms up"]);
  assertEquals(await turn, 2);
  assertEquals(log, ["warms up", "0.5, 2"]);
});
