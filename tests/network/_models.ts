export * from "../../bench/networks/graph_builder.ts";
