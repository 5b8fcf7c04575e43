import { quoted } from "../../quoted.ts";
import type { OnnxNode } from "./model.ts";

/** What a graph's nodes give, and who gives it. */
type Givers = ReadonlyMap<string, number>;

/** What is wrong with the node of a place. */
type Fault = (place: number, reason: string) => SyntaxError;

/**
 * Puts nodes in an order in which each comes behind those whose outputs it takes. Nodes that are in such an order
 * stay in it.
 *
 * @param nodes The nodes as they come in the file.
 * @param given What is given besides their outputs: inputs of the graph and initializers.
 * @param fault Makes the error.
 * @throws {SyntaxError} If a value is given twice or never, or nodes wait for one another.
 */
export function orderNodes(
  nodes: readonly OnnxNode[],
  given: ReadonlySet<string>,
  fault: Fault,
): readonly OnnxNode[] {
  const givers = giversOf(nodes, given, fault);
  checkTaken(nodes, given, givers, fault);
  const order: OnnxNode[] = [];
  const states = new Uint8Array(nodes.length);
  for (let root = 0; root < nodes.length; root++) {
    // What comes before a node may be a chain of all of them: too deep for calls.
    const stack = [root];
    while (stack.length > 0) {
      const place = stack.at(-1) ?? 0;
      const node = nodes[place];
      if (node === undefined || states[place] !== NEW) {
        stack.pop();
        if (node !== undefined && states[place] === WAITING) order.push(node);
        states[place] = PLACED;
        continue;
      }
      states[place] = WAITING;
      pushGivers(node, givers, states, stack, (reason) => fault(place, reason));
    }
  }
  return order;
}

/** A node that was not looked at, one that waits for others, and one that has its place. */
const NEW = 0;
const WAITING = 1;
const PLACED = 2;

/** Puts on the stack whose outputs a node takes, the first on top. */
function pushGivers(
  { inputs }: OnnxNode,
  givers: Givers,
  states: Uint8Array,
  stack: number[],
  fault: (reason: string) => SyntaxError,
): void {
  for (const name of inputs.toReversed()) {
    const giver = givers.get(name);
    if (giver === undefined || states[giver] === PLACED) continue;
    // All that wait are on the way from the root to this node.
    if (states[giver] === WAITING) {
      throw fault(`takes ${quoted(name)}, which is made of its own output`);
    }
    stack.push(giver);
  }
}

function giversOf(
  nodes: readonly OnnxNode[],
  given: ReadonlySet<string>,
  fault: Fault,
): Givers {
  const givers = new Map<string, number>();
  for (const [place, { outputs }] of nodes.entries()) {
    for (const name of outputs) {
      // A name of no letters is an output that is left out.
      if (name === "") continue;
      if (given.has(name) || givers.has(name)) {
        throw fault(place, `gives ${quoted(name)}, which is given already`);
      }
      givers.set(name, place);
    }
  }
  return givers;
}

function checkTaken(
  nodes: readonly OnnxNode[],
  given: ReadonlySet<string>,
  givers: Givers,
  fault: Fault,
): void {
  for (const [place, { inputs }] of nodes.entries()) {
    for (const name of inputs) {
      if (name === "" || given.has(name) || givers.has(name)) continue;
      throw fault(place, `takes ${quoted(name)}, which nothing gives`);
    }
  }
}
