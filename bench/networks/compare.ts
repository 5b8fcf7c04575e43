import { compare, type Field, type Row } from "../compare.ts";
import { playerOf, playTurns, rested } from "../turns.ts";
import { measureMemory, type MemoryResult, peakBytes } from "./memory.ts";
import type { BenchNetwork, NetworkGoals } from "./networks.ts";
import type { NetworkProblem } from "./problem.ts";

/** The row of a network. */
export interface NetworkResult extends Row {
  readonly goals: NetworkGoals;
  /** The peaks of those that took part; none where nobody keeps count. */
  readonly memory: readonly MemoryResult[];
}

/**
 * Times a network on every peer with every number of threads, turn by turn, each after a pause; then has a process of
 * its own for each say how much memory it needs.
 *
 * @param bench The network.
 * @param problem The same with its values.
 * @param field Who takes part.
 * @param seconds How long the turns go on.
 */
export async function compareNetwork(
  { name, inputShape, goals }: BenchNetwork,
  problem: NetworkProblem,
  field: Field<NetworkProblem>,
  seconds: number,
): Promise<NetworkResult> {
  const comparison = await compare(
    problem,
    field,
    (contestants) =>
      playTurns(contestants.map((contestant) => rested(playerOf(contestant))), seconds),
  );
  const memory: MemoryResult[] = [];
  if (peakBytes() !== null) {
    for (const { peer, threads } of comparison.results) {
      memory.push(await measureMemory(problem, peer, threads));
    }
  }
  return { name, inputShape, goals, flop: problem.flop, ...comparison, memory };
}
