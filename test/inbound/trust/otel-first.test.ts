import { describeStrangersBesideOtel } from "./strangers-beside-otel.ts";

// OpenTelemetry subscribes to the clients' channels before our stop does.
describeStrangersBesideOtel();
