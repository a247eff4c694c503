import { createExperiments, type Experiments } from "otel-experiments";

export const experiments: Experiments = createExperiments({ trustInbound: true, propagateTo: ["http://127.0.0.1"] });
