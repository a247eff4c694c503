import { type ExperimentsHandle, type InboundOptions, inbound, runAssigned } from "otel-experiments/adapter";
import type { Context, Middleware } from "./tiny.ts";

export function tinyExperiments(experiments: ExperimentsHandle, options?: InboundOptions<Context, string>): Middleware {
  const open = inbound(experiments, options); // once, at set-up; throws if createExperiments did not make them
  return function experimentsMiddleware(context, next) {
    const { req, res, state } = context;
    const opened = open({
      header: (name) => (Object.hasOwn(req.headers, name) ? req.headers[name] : undefined), // own properties only
      peer: req.socket.remoteAddress, // the socket's, never a forwarded one
      request: req,
      response: res,
      native: context,
    });
    state["experiments"] = opened.scope;
    return runAssigned(opened, next);
  };
}
