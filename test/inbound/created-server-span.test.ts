import { expressHarness } from "./harness/express.ts";
import { requireExpress } from "./harness/frameworks.ts";
import { nodeHarnessWith } from "./harness/node.ts";
import { describeServerSpans } from "./harness/server-span-cases.ts";
import { startTracing } from "./harness/tracing.ts";

const tracing = startTracing([]);
const create = { serverSpan: "create" } as const;

const harnesses = [
  nodeHarnessWith("node:http, created", create),
  expressHarness("Express 5, created", requireExpress(), undefined, create),
  expressHarness("Express 4, created", requireExpress("express-4"), undefined, create),
];

describeServerSpans(
  tracing,
  harnesses.map((harness) => ({ harness, active: "SERVER", rpcMetadata: "SERVER" })),
);
