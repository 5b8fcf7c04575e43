/**
 * What an ONNX file says, as plain data: without the fields that nothing here asks for, and with every number as a
 * number.
 *
 * Source: ONNX's `onnx.proto3`, https://onnx.ai/onnx/repo-docs/IR.html.
 *
 * @module
 */

/** A model. */
export interface OnnxModel {
  /** The versions of the operators' definitions, by domain: `""` is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: OnnxGraph;
}

/** Nodes in an order in which each comes behind those whose outputs it takes. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: ReadonlyMap<string, OnnxTensor>;
  /** What is to be given: no initializer among them, whatever the file calls an input. */
  readonly inputs: readonly OnnxValueInfo[];
  readonly outputs: readonly OnnxValueInfo[];
}

/** An operator that is applied to some values. */
export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  /** `""` is ONNX's own. */
  readonly domain: string;
  /** Names of values, `""` where one is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** An attribute of a node. What is of another kind is kept by its kind alone. */
export type OnnxAttribute =
  | { readonly kind: "float" | "int"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "tensor"; readonly value: OnnxTensor }
  | { readonly kind: "floats" | "ints"; readonly value: readonly number[] }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "other" };

/** What the elements of a tensor are to the operators. */
export type ElementKind = "float" | "int" | "bool";

/**
 * A tensor. Floating-point numbers of every width have become those of 32 bits. Integers and booleans are numbers:
 * beyond 2^53 the nearest one, as for the largest of 64 bits, by which ends of slices say that there is no end.
 */
export type OnnxTensor =
  | { readonly kind: "float"; readonly shape: readonly number[]; readonly data: Float32Array }
  | {
    readonly kind: "int" | "bool";
    readonly shape: readonly number[];
    readonly data: Float64Array;
  };

/** What a file says about an input or output. */
export interface OnnxValueInfo {
  readonly name: string;
  readonly kind: ElementKind;
  /** `null` if it says nothing of its rank. Of an axis the name or `null` where the size is open. */
  readonly shape: readonly (number | string | null)[] | null;
}
