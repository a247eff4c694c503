// Loaded by `--import`, before a program: an SDK that exports nothing.
import { context, DiagConsoleLogger, DiagLogLevel, diag, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { registerInstrumentations } from "@opentelemetry/instrumentation";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { TracerProvider } from "@opentelemetry/sdk-trace";

// As NodeSDK does where the variable is set.
if (process.env["OTEL_LOG_LEVEL"] !== undefined) diag.setLogger(new DiagConsoleLogger(), DiagLogLevel.INFO);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
trace.setGlobalTracerProvider(new TracerProvider());
if (process.env["WITHOUT_HTTP"] === undefined)
  registerInstrumentations({ instrumentations: [new HttpInstrumentation()] });
