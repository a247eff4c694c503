import { type BaggageEntry, defaultTextMapSetter, propagation, ROOT_CONTEXT } from "@opentelemetry/api";
import { Destination } from "../src/policy/destination.ts";
import { OutgoingBaggage } from "../src/propagation/outgoing-baggage.ts";
import { readReceived, receive } from "../src/propagation/received.ts";
import { RequestScope } from "../src/scope/request-scope.ts";
import { freshHeaders } from "./headers.ts";
import { compare } from "./paired.ts";
import { ns, type Row } from "./row.ts";
import { instance, propagator } from "./subjects.ts";

const OPERATIONS = 500;
const ROUNDS = 61;
const FACTOR = 3;
const CALLER = { header: () => undefined, peer: "10.0.0.1" };
const POLICIES = [instance.policy];

/** Calls per scope or context: a service makes several during a request. */
const CALLS = 6;

/**
 * From a request's assignments to the header of an outgoing call. The package decides by the destination and writes the
 * scope's members after the foreign ones; the peer writes its whole baggage.
 */
export function* writing(): Generator<Row> {
  for (const members of [2, 8]) {
    let length = 0;
    const { ours, peer, ratio } = compare(
      {
        prepare: (round) =>
          freshHeaders(members, OPERATIONS, round).map((header) => ({
            scope: scopeOf(header),
            foreign: foreignOf(header),
          })),
        work: (requests) => {
          for (const { scope, foreign } of requests) {
            for (let call = 0; call < CALLS; call++) {
              const baggage = new OutgoingBaggage(
                POLICIES,
                [scope],
                new Destination("http://payment.shop.internal", "/pay"),
              );
              if (foreign !== "") baggage.add(foreign);
              length += baggage.text.length;
            }
          }
        },
      },
      {
        prepare: (round) =>
          freshHeaders(members, OPERATIONS, round).map((header) =>
            propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(entriesOf(header))),
          ),
        work: (contexts) => {
          for (const active of contexts) {
            for (let call = 0; call < CALLS; call++) {
              const carrier: Record<string, string> = {};
              propagator.inject(active, carrier, defaultTextMapSetter);
              length += carrier["baggage"]?.length ?? 0;
            }
          }
        },
      },
      OPERATIONS * CALLS,
      ROUNDS,
    );
    yield {
      name: `write the header of ${members} members`,
      figure: `${ratio.toFixed(2)} × (${ns(ours)}, inject ${ns(peer)})`,
      bound: `at least ${FACTOR} ×`,
      holds: ratio >= FACTOR && length > 0,
    };
  }
}

function scopeOf(header: string): RequestScope {
  const scope = new RequestScope(instance, undefined);
  receive(scope, readReceived(instance, header, CALLER));
  return scope;
}

function foreignOf(header: string): string {
  return header
    .split(",")
    .filter((member) => !member.startsWith("experiment."))
    .join(",");
}

function entriesOf(header: string): Record<string, BaggageEntry> {
  const pairs = header.split(",").map((member) => member.split(/[=;]/));
  return Object.fromEntries(pairs.map(([key = "", value = ""]) => [key, { value: decodeURIComponent(value) }]));
}
