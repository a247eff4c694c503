/** The W3C `baggage` header, pure: no state, no OpenTelemetry, nothing that throws. */
export { formatBaggage } from "./format.ts";
export type { BaggageMember, BaggageMemberInput, BaggageProperty } from "./member.ts";
export { mergeBaggage } from "./merge.ts";
export { parseBaggage } from "./parse.ts";
