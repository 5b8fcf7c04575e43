/**
 * The few classes and functions that a state dict of tensors needs, and what they become: a description of each tensor.
 * No other name is known.
 *
 * @module
 */

import { quoted } from "../../quoted.ts";
import type { ElementType } from "../elements.ts";
import { BFLOAT16, ELEMENT_TYPES } from "../elements.ts";
import type { PickleNames, PickleValue } from "./pickle.ts";
import { damagedPickle, PickleFunction, PickleObject, PickleTuple } from "./pickle.ts";

/** The class of a storage: what its elements are. */
class StorageType extends PickleObject {
  constructor(readonly element: ElementType) {
    super();
  }
}

/** Memory that tensors share, in a file of its own. */
export class Storage extends PickleObject {
  constructor(
    /** The name of its file in the archive. */
    readonly key: string,
    readonly element: ElementType,
    /** How many elements it has. */
    readonly length: number,
  ) {
    super();
  }
}

/** A view of a storage. */
export class TensorView extends PickleObject {
  constructor(
    readonly storage: Storage,
    /** The elements in front of the first. */
    readonly offset: number,
    readonly shape: readonly number[],
    /** The elements from one to the next along each axis. */
    readonly strides: readonly number[],
  ) {
    super();
  }
}

/** More axes has no tensor of PyTorch. */
const MOST_AXES = 64;

/** The storage classes, by the element types of NumPy. */
const STORAGES: Readonly<Record<string, ElementType | undefined>> = {
  DoubleStorage: ELEMENT_TYPES.get("f8"),
  FloatStorage: ELEMENT_TYPES.get("f4"),
  HalfStorage: ELEMENT_TYPES.get("f2"),
  BFloat16Storage: BFLOAT16,
  LongStorage: ELEMENT_TYPES.get("i8"),
  IntStorage: ELEMENT_TYPES.get("i4"),
  ShortStorage: ELEMENT_TYPES.get("i2"),
  CharStorage: ELEMENT_TYPES.get("i1"),
  ByteStorage: ELEMENT_TYPES.get("u1"),
  BoolStorage: ELEMENT_TYPES.get("b1"),
};

const FUNCTIONS: Readonly<Record<string, (args: readonly PickleValue[]) => PickleValue>> = {
  "collections.OrderedDict": makeDict,
  "torch.Size": ([sizes = null]) => sizes,
  "torch._utils._rebuild_tensor": makeTensor,
  "torch._utils._rebuild_tensor_v2": makeTensor,
  "torch._utils._rebuild_parameter": takeTensor,
  "torch._utils._rebuild_parameter_with_state": takeTensor,
};

const KNOWN: ReadonlyMap<string, PickleObject> = new Map([
  ...Object.entries(FUNCTIONS)
    .map(([name, call]): [string, PickleObject] => [name, new PickleFunction(name, call)]),
  ...Object.entries(STORAGES).flatMap(([name, element]): [string, PickleObject][] =>
    element === undefined ? [] : [[`torch.${name}`, new StorageType(element)]]
  ),
]);

/** What the names in a state dict stand for. */
export const TORCH_NAMES: PickleNames = { named: findName, referred: findStorage };

function findName(name: string): PickleObject {
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  throw new SyntaxError(
    `it asks for ${quoted(name)}, which no dict of tensors needs; nothing but tensors and ` +
      "plain values is read (save model.state_dict())",
  );
}

/** `("storage", class, key, device, length)`, and in older files a view that there is none of any more. */
function findStorage(id: PickleValue): PickleObject {
  if (id instanceof PickleTuple) {
    const [kind, type, key, device, length, view = null] = id.items;
    const isRight = kind === "storage" && type instanceof StorageType &&
      typeof key === "string" && typeof device === "string" && isSize(length) && view === null;
    if (isRight) return new Storage(key, type.element, length);
  }
  throw damagedPickle("what it refers to is not a storage of plain numbers");
}

/** `OrderedDict()`; what is in it comes behind. */
function makeDict(args: readonly PickleValue[]): PickleValue {
  if (args.length > 0) throw damagedPickle("a dict is made of something");
  return new Map();
}

/** `(storage, offset, size, stride, ...)`: what follows is about gradients. */
function makeTensor([storage, offset, size, stride]: readonly PickleValue[]): PickleValue {
  const [shape, strides] = [sizesOf(size), sizesOf(stride)];
  if (
    !(storage instanceof Storage) || !isSize(offset) || shape === null || strides === null ||
    shape.length !== strides.length
  ) {
    throw damagedPickle("a tensor has a wrong storage, offset, size or stride");
  }
  const last = shape.reduce((sum, size, axis) => sum + (size - 1) * (strides[axis] ?? 0), offset);
  if (!shape.includes(0) && last >= storage.length) {
    throw damagedPickle(
      `a tensor reaches to element ${last} of a storage of ${storage.length}`,
    );
  }
  return new TensorView(storage, offset, shape, strides);
}

/** `(tensor, ...)`. */
function takeTensor([tensor]: readonly PickleValue[]): PickleValue {
  if (tensor instanceof TensorView) return tensor;
  throw damagedPickle("a parameter is made of what is no tensor");
}

/** The numbers of a tuple that is no longer than those of tensors. */
function sizesOf(value: PickleValue | undefined): readonly number[] | null {
  if (!(value instanceof PickleTuple) || value.items.length > MOST_AXES) return null;
  return value.items.every(isSize) ? value.items : null;
}

function isSize(value: PickleValue | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}
