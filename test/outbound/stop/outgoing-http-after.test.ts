import { outgoingSetUps } from "./set-ups.ts";
import { defineStop } from "./stop.ts";

await defineStop(outgoingSetUps.httpAfter);
