// The process that makes outgoing calls, without a server of its own, so that a call's cost stands alone.
import { AsyncLocalStorage } from "node:async_hooks";
import type nodeHttp from "node:http";
import { createRequire } from "node:module";
import { experimentFetch } from "otel-experiments/fetch";
import { instrumentOutgoing } from "otel-experiments/outgoing";
import { experimentInterceptor } from "otel-experiments/undici";
import type * as undiciModule from "undici";
import { Accounting, type Spending } from "./accounting.ts";
import { experimentsFor } from "./apps.ts";
import { type CallerOrder, CONNECTIONS, ownBaggage } from "./cases.ts";
import type { Until } from "./load.ts";
import { startTelemetry } from "./telemetry.ts";
import { answerParent, orderOf } from "./worker.ts";

export type CallerQuestion = Until | { readonly collect: true };

export interface CallerAnswer {
  readonly spending: Spending;
  readonly calls: number;
  readonly seconds: number;
}

/** Requests that are served at the same time. Each makes several calls in a period. */
const SCOPES = 512;

const { client, telemetry, form, origin } = orderOf() as CallerOrder; // why: CallerProcess wrote it
startTelemetry(telemetry);
const require = createRequire(import.meta.url);
// why: `require` returns the modules' exports
const http = require("node:http") as typeof nodeHttp;
const undici = require("undici") as typeof undiciModule; // why: as above
const experiments = experimentsFor(form, origin);
const ours = form === "ours" ? experiments : undefined;
const accounting = new Accounting();
const call = callOf();

answerParent(async (question: CallerQuestion): Promise<CallerAnswer | undefined> => {
  if ("collect" in question) {
    globalThis.gc?.();
    return undefined;
  }
  const over = Promise.withResolvers<void>();
  const scopes = Array.from({ length: SCOPES }, () => scopeUntil(over.promise));
  accounting.begin();
  const started = performance.now();
  const deadline = "seconds" in question ? started + question.seconds * 1000 : Number.POSITIVE_INFINITY;
  const most = "requests" in question ? question.requests : Number.POSITIVE_INFINITY;
  let calls = 0;
  const callAgain = async (): Promise<void> => {
    while (calls < most && performance.now() < deadline) await scopes[calls++ % SCOPES]?.(call);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, callAgain));
  const spending = accounting.end();
  over.resolve();
  return { spending, calls, seconds: (performance.now() - started) / 1000 };
});

type InScope = <T>(fn: () => T) => T;

/** The async context of a request that is being served, with a variant where the form has scopes. */
function scopeUntil(over: Promise<void>): InScope {
  let inScope: InScope = (fn) => fn();
  const serve = (): Promise<void> => {
    inScope = AsyncLocalStorage.snapshot();
    return over;
  };
  if (ours === undefined) void serve();
  else void ours.run({ baggage: ownBaggage("test") }, serve, { trusted: true });
  return inScope;
}

function callOf(): () => Promise<unknown> {
  switch (client) {
    case "fetch": {
      const fetchOnce = ours === undefined ? fetch : experimentFetch(ours);
      return async () => (await fetchOnce(origin)).arrayBuffer();
    }
    case "undici": {
      const agent = new undici.Agent({ connections: CONNECTIONS });
      const dispatcher = ours === undefined ? agent : agent.compose(experimentInterceptor(ours));
      return async () => (await undici.request(origin, { dispatcher })).body.dump();
    }
    case "node-http": {
      if (ours !== undefined) instrumentOutgoing(ours);
      const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
      return () =>
        new Promise<void>((resolve, reject) => {
          http.get(origin, { agent }, (response) => response.resume().once("end", resolve)).once("error", reject);
        });
    }
    default:
      return client satisfies never;
  }
}
