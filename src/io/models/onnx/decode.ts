import { describe } from "../../../base/checks.ts";
import { quoted } from "../../quoted.ts";
import { readAttribute } from "./attribute.ts";
import { orderNodes } from "./graph_order.ts";
import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "./model.ts";
import type { OnnxValueInfo } from "./model.ts";
import { readTensor } from "./tensor.ts";
import { readValueInfo } from "./value_info.ts";
import { Message } from "./wire.ts";

/** The first version of the format whose files say by which definitions their operators go. */
const IR_WITH_OPSETS = 3;

/** The other name of the domain of ONNX's own operators. */
const OWN_DOMAIN = "ai.onnx";

/**
 * Reads the bytes of an ONNX file.
 *
 * @param bytes The whole file.
 * @returns What it says. Its tensors are copies: the bytes are not needed any more.
 * @throws {TypeError} If `bytes` are no `Uint8Array`.
 * @throws {SyntaxError} If they are no whole ONNX file, or hold what is not read: texts as elements of tensors, data in
 * other files, sparse tensors. Every length, shape and name is checked before anything is made of it.
 */
export function decodeOnnx(bytes: Uint8Array): OnnxModel {
  if (!(bytes instanceof Uint8Array)) {
    const hint = (bytes as unknown) instanceof ArrayBuffer ? "; new Uint8Array(buffer) is one" : "";
    throw new TypeError(
      `decodeOnnx(): bytes must be a Uint8Array, but are ${describe(bytes)}${hint}`,
    );
  }
  const message = Message.of(bytes);
  let irVersion = 0;
  let graph: OnnxGraph | null = null;
  const opsets = new Map<string, number>();
  const functions = new Set<string>();
  while (message.next()) {
    if (message.field === 1) irVersion = message.integer("ir_version", "int64");
    else if (message.field === 7) {
      if (graph !== null) throw message.fault("has more than one graph");
      graph = readGraph(message.message("graph"));
    } else if (message.field === 8) {
      readOpset(message.message(`opset_import[${opsets.size}]`), opsets);
    } else if (message.field === 25) {
      functions.add(readFunctionName(message.message(`functions[${functions.size}]`)));
    }
  }
  if (irVersion < 1) throw message.fault("says no ir_version; is it an ONNX file?");
  if (graph === null) throw message.fault("has no graph");
  if (irVersion < IR_WITH_OPSETS && opsets.size === 0) opsets.set("", 1);
  checkOperators(graph, opsets, functions);
  return { opsets, graph };
}

function readOpset(message: Message, opsets: Map<string, number>): void {
  let [domain, version] = ["", 0];
  while (message.next()) {
    if (message.field === 1) domain = readDomain(message);
    else if (message.field === 2) version = message.integer("version", "int64");
  }
  if (version < 1) throw message.fault(`of domain ${quoted(domain)} says no version`);
  const known = opsets.get(domain) ?? version;
  if (known !== version) {
    throw message.fault(`says version ${version} of domain ${quoted(domain)} beside ${known}`);
  }
  opsets.set(domain, version);
}

function readDomain(message: Message): string {
  const domain = message.text("domain");
  return domain === OWN_DOMAIN ? "" : domain;
}

/** Reads how nodes call a function that is in the file. */
function readFunctionName(message: Message): string {
  let [name, domain] = ["", ""];
  while (message.next()) {
    if (message.field === 1) name = message.text("name");
    else if (message.field === 10) domain = readDomain(message);
  }
  return operatorName(domain, name);
}

/** Both in one text; a domain has no blank in it. */
function operatorName(domain: string, name: string): string {
  return `${domain} ${name}`;
}

/** Checks that the file says what each operator is, and that it is no function. */
function checkOperators(
  { nodes }: OnnxGraph,
  opsets: ReadonlyMap<string, number>,
  functions: ReadonlySet<string>,
): void {
  for (const { name, operator, domain } of nodes) {
    if (functions.has(operatorName(domain, operator))) {
      throw new SyntaxError(
        `its node ${quoted(name)} calls ${quoted(operator)}, a function of the file; ` +
          "Python's onnx.inliner.inline_local_functions() writes what it does in its place",
      );
    }
    if (opsets.has(domain)) continue;
    throw new SyntaxError(
      `its opset_import has no version for domain ${quoted(domain)}, of which node ` +
        `${quoted(name)} is (${quoted(operator)})`,
    );
  }
}

function readGraph(message: Message): OnnxGraph {
  let name = "";
  const nodes: OnnxNode[] = [];
  const initializers = new Map<string, OnnxTensor>();
  const inputs = new Map<string, OnnxValueInfo>();
  const outputs = new Map<string, OnnxValueInfo>();
  while (message.next()) {
    if (message.field === 1) nodes.push(readNode(message.message(`node[${nodes.length}]`)));
    else if (message.field === 2) name = message.text("name");
    else if (message.field === 5) {
      readInitializer(message.message(`initializer[${initializers.size}]`), initializers);
    } else if (message.field === 11) {
      addValueInfo(message.message(`input[${inputs.size}]`), inputs);
    } else if (message.field === 12) {
      addValueInfo(message.message(`output[${outputs.size}]`), outputs);
    } else if (message.field === 15) {
      throw message.fault("has a sparse_initializer; only dense tensors are read");
    }
  }
  const given = new Set([...inputs.keys(), ...initializers.keys()]);
  const order = orderNodes(nodes, given, (place, reason) => {
    const node = nodes[place];
    return message.fault(
      `has node[${place}], ${quoted(node?.operator ?? "")} ${quoted(node?.name ?? "")}, which ` +
        reason,
    );
  });
  checkGiven(message, outputs, new Set([...given, ...nodes.flatMap(({ outputs }) => outputs)]));
  return {
    name,
    nodes: order,
    initializers,
    inputs: [...inputs.values()].filter(({ name }) => !initializers.has(name)),
    outputs: [...outputs.values()],
  };
}

function readInitializer(message: Message, initializers: Map<string, OnnxTensor>): void {
  const { name, tensor } = readTensor(message);
  if (name === "") throw message.fault("has no name");
  if (initializers.has(name)) throw message.fault(`has the name ${quoted(name)} of another`);
  initializers.set(name, tensor);
}

function addValueInfo(message: Message, values: Map<string, OnnxValueInfo>): void {
  const value = readValueInfo(message);
  if (values.has(value.name)) throw message.fault(`has the name ${quoted(value.name)} of another`);
  values.set(value.name, value);
}

function checkGiven(
  message: Message,
  outputs: ReadonlyMap<string, OnnxValueInfo>,
  given: ReadonlySet<string>,
): void {
  for (const name of outputs.keys()) {
    if (!given.has(name)) throw message.fault(`has output ${quoted(name)}, which nothing gives`);
  }
}

/** The attributes of the many nodes that have none. */
const NO_ATTRIBUTES: ReadonlyMap<string, OnnxAttribute> = new Map();

function readNode(message: Message): OnnxNode {
  let [name, operator, domain] = ["", "", ""];
  const inputs: string[] = [];
  const outputs: string[] = [];
  const attributes = new Map<string, OnnxAttribute>();
  while (message.next()) {
    if (message.field === 1) inputs.push(message.text("input"));
    else if (message.field === 2) outputs.push(message.text("output"));
    else if (message.field === 3) name = message.text("name");
    else if (message.field === 4) operator = message.text("op_type");
    else if (message.field === 5) {
      const place = message.message(`attribute[${attributes.size}]`);
      const { name, attribute } = readAttribute(place);
      if (attributes.has(name)) throw place.fault(`has the name ${quoted(name)} of another`);
      attributes.set(name, attribute);
    } else if (message.field === 7) domain = readDomain(message);
  }
  if (operator === "") throw message.fault(`${quoted(name)} has no op_type`);
  return {
    name,
    operator,
    domain,
    inputs,
    outputs,
    attributes: attributes.size === 0 ? NO_ATTRIBUTES : attributes,
  };
}
