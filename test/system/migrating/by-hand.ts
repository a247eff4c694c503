// A service as a team writes it by hand: it carries the variant in OpenTelemetry's baggage, without the package.
import http from "node:http";
import { context, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CBaggagePropagator } from "@opentelemetry/core";

const VARIANT = "experiment.checkout.variant";

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
propagation.setGlobalPropagator(new W3CBaggagePropagator());

function behind(next: string, rest: readonly string[]): URL {
  const url = new URL(next);
  for (const one of rest) url.searchParams.append("next", one);
  return url;
}

http
  .createServer((req, res) => {
    const received = propagation.extract(ROOT_CONTEXT, req.headers);
    const { searchParams } = new URL(req.url ?? "", "http://127.0.0.1");
    const baggage = propagation.getBaggage(received) ?? propagation.createBaggage();
    const assigned = searchParams.has("edge") ? baggage.setEntry(VARIANT, { value: "one_click" }) : baggage;
    context.with(propagation.setBaggage(received, assigned), () => {
      const variant = propagation.getActiveBaggage()?.getEntry(VARIANT)?.value ?? "none";
      const [next, ...rest] = searchParams.getAll("next");
      if (next === undefined) return res.end(variant);
      const headers: Record<string, string> = {};
      propagation.inject(context.active(), headers);
      return http.get(behind(next, rest), { headers }, (answer) => {
        res.write(`${variant} `);
        answer.pipe(res);
      });
    });
  })
  .listen(0, "127.0.0.1", function (this: http.Server) {
    process.send?.(this.address());
  });
