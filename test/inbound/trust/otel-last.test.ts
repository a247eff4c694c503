import { createExperiments } from "otel-experiments";
import { afterAll } from "vitest";
import { describeStrangersBesideOtel } from "./strangers-beside-otel.ts";

// Our stop subscribes to the clients' channels before OpenTelemetry does, and stays subscribed.
const first = createExperiments({ trustInbound: true });
afterAll(() => first.close());

describeStrangersBesideOtel();
