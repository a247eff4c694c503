import { setUps } from "./set-ups.ts";
import { defineStop } from "./stop.ts";

await defineStop(setUps.httpBefore);
