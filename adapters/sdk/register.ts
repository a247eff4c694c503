/**
 * Adds experiments to the signals that OpenTelemetry's auto-instrumentation records, configured by the variables
 * `OTEL_EXPERIMENTS_*`, without code: `node --import otel-experiments/register --import
 * @opentelemetry/auto-instrumentations-node/register app.js`. The import does it, once per process. There are no
 * exports.
 */
import { processWide, writeForAllClientsByDefault } from "../../src/sdk-adapter.ts";
import { announce } from "./register/announcement.ts";
import { decorateOpenTelemetry } from "./register/decoration.ts";
import { readSettings } from "./register/settings.ts";

/** Whether a copy of the package has already decorated OpenTelemetry in this process. */
const registration = processWide("registration.v1", () => ({ isDone: false }))();

if (!registration.isDone) {
  registration.isDone = true;
  const { settings, problems } = readSettings(process.env);
  for (const problem of problems) announce(problem);
  if (!settings.disabled) {
    decorateOpenTelemetry(settings);
    if (settings.outgoing) writeForAllClientsByDefault();
  }
}
