import { type ExperimentsHandle, inbound } from "otel-experiments/adapter";
import type { Middleware } from "./tiny.ts";

export function tinyExperiments(experiments: ExperimentsHandle): Middleware {
  const open = inbound(experiments); // once, at set-up; throws if createExperiments did not make them
  return function experimentsMiddleware(context, next) {
    const { req, res, state } = context;
    const { scope, run } = open({
      header: (name) => (Object.hasOwn(req.headers, name) ? req.headers[name] : undefined), // own properties only
      peer: req.socket.remoteAddress, // the socket's, never a forwarded one
      request: req,
      response: res,
    });
    state["experiments"] = scope;
    return run(next);
  };
}
