/**
 * Puts experiments on what OpenTelemetry's auto-instrumentation records, from the variables `OTEL_EXPERIMENTS_*`, with no
 * code: `node --import otel-experiments/register --import @opentelemetry/auto-instrumentations-node/register app.js`.
 * Importing it is what does it, once a process. It exports nothing.
 */
import { takeRegistration, writeEverywhereByDefault } from "../../src/sdk-adapter.ts";
import { announce } from "./register/announcement.ts";
import { decorateOpenTelemetry } from "./register/decoration.ts";
import { readSettings } from "./register/settings.ts";

if (takeRegistration()) {
  const { settings, problems } = readSettings(process.env);
  for (const problem of problems) announce(problem);
  if (!settings.disabled) {
    decorateOpenTelemetry(settings);
    if (settings.outgoing) writeEverywhereByDefault();
  }
}
