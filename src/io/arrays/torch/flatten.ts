import { quoted } from "../../quoted.ts";
import { TensorView } from "./objects.ts";
import type { PickleValue } from "./pickle.ts";
import { PickleTuple } from "./pickle.ts";

/** A few bytes can stand for a dict in a dict a million deep, or one that is there in a million places. */
const MOST_DEPTH = 32;
const MOST_VALUES = 2 ** 20;
const LONGEST_NAME = 4096;
const MOST_CHARACTERS = 2 ** 26;

/**
 * The tensors in nested dicts, lists and tuples, each by the keys that lead to it, with dots between them.
 *
 * @param value What a file holds. What is neither a tensor nor holds one is left out.
 * @throws {SyntaxError} If it is nested too deep, perhaps in itself, or two tensors have one name.
 */
export function flatten(value: PickleValue): ReadonlyMap<string, TensorView> {
  const tensors = new Map<string, TensorView>();
  let visited = 0;
  let characters = 0;
  const visit = (value: PickleValue, path: readonly string[]) => {
    if (++visited > MOST_VALUES) {
      throw new SyntaxError(`it holds more than ${MOST_VALUES} values`);
    }
    if (value instanceof TensorView) {
      const name = path.join(".");
      characters += name.length;
      if (characters > MOST_CHARACTERS) {
        throw new SyntaxError(
          `it holds tensors whose names take more than ${MOST_CHARACTERS} characters`,
        );
      }
      return add(tensors, name, value);
    }
    if (path.length > MOST_DEPTH) {
      throw new SyntaxError(`it holds values more than ${MOST_DEPTH} dicts and lists deep`);
    }
    for (const [key, member] of membersOf(value)) visit(member, [...path, key]);
  };
  visit(value, []);
  return tensors;
}

function add(tensors: Map<string, TensorView>, name: string, tensor: TensorView): void {
  if (name.length > LONGEST_NAME) {
    throw new SyntaxError(`it has a tensor whose name takes ${name.length} characters`);
  }
  if (tensors.has(name)) throw new SyntaxError(`it holds two tensors called ${quoted(name)}`);
  tensors.set(name, tensor);
}

function membersOf(value: PickleValue): Iterable<readonly [key: string, member: PickleValue]> {
  if (value instanceof Map) return Array.from(value, ([key, item]) => [keyOf(key), item]);
  if (value instanceof PickleTuple) return numbered(value.items);
  return Array.isArray(value) ? numbered(value) : [];
}

function numbered(items: readonly PickleValue[]): (readonly [key: string, member: PickleValue])[] {
  return items.map((item, index) => [String(index), item]);
}

/** Dicts of optimizers have numbers as keys. */
function keyOf(key: PickleValue): string {
  if (typeof key === "string" || typeof key === "number") return String(key);
  throw new SyntaxError("it holds a dict whose keys are neither texts nor numbers");
}
