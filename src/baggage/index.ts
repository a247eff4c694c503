/** The W3C `baggage` header as pure functions: no state, no OpenTelemetry, no exceptions. */
export { formatBaggage } from "./format.ts";
export type { BaggageMember, BaggageMemberInput, BaggageProperty } from "./member.ts";
export { mergeBaggage } from "./merge.ts";
export { parseBaggage } from "./parse.ts";
