import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { ignoreExperimentRequests } from "otel-experiments/undici";

export const undici: UndiciInstrumentation = new UndiciInstrumentation({ ignoreRequestHook: ignoreExperimentRequests });
