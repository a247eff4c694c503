import { type Context, propagation, ROOT_CONTEXT, type TextMapPropagator } from "@opentelemetry/api";
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from "@opentelemetry/core";
import { ExperimentPropagator } from "otel-experiments/sdk";
import { expect, test } from "vitest";
import { carriesBaggage, DecoratedPropagator } from "../../adapters/sdk/register/decorated-propagator.ts";

const GETTER = {
  get: (carrier: Record<string, string>, name: string) => carrier[name],
  keys: (carrier: Record<string, string>) => Object.keys(carrier),
};
const SETTER = {
  set(carrier: Record<string, string>, name: string, value: string) {
    carrier[name] = value;
  },
};

function decorated(registered: TextMapPropagator): DecoratedPropagator {
  return new DecoratedPropagator(registered, new ExperimentPropagator({ inject: false }));
}

function contextWith(value: string): Context {
  return propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage({ user: { value } }));
}

test("REG-80 a value that OpenTelemetry's propagator throws at is nobody's trouble", () => {
  const [plain, carrier]: Record<string, string>[] = [{}, {}];
  const hostile = contextWith("\ud800");
  expect(() => new W3CBaggagePropagator().inject(hostile, plain, SETTER)).toThrow(URIError);
  expect(() => decorated(new W3CBaggagePropagator()).inject(hostile, carrier, SETTER)).not.toThrow();
  expect(carrier).toEqual({ baggage: "user=%EF%BF%BD" });
});

test("REG-81 baggage is ours in whatever case the registered propagator writes it, and the rest is its own", () => {
  const seen: unknown[] = [];
  const registered: TextMapPropagator = {
    inject(_active, carrier, setter) {
      setter.set(carrier, "Baggage", "theirs=1");
      setter.set(carrier, "x-theirs", "1");
    },
    extract: (active, carrier, getter) => {
      seen.push(getter.keys(carrier), getter.get(carrier, "baggage"), getter.get(carrier, "Baggage"));
      return active.setValue(Symbol.for("theirs"), getter.get(carrier, "x-theirs"));
    },
    fields: () => ["Baggage", "x-theirs"],
  };
  const carrier: Record<string, string> = { baggage: "carrier=1" };
  decorated(registered).inject(contextWith("2"), carrier, SETTER);
  expect(carrier).toEqual({ baggage: "carrier=1,user=2", "x-theirs": "1" });
  const received = { ...carrier, Baggage: "again=1" };
  const extracted = decorated(registered).extract(ROOT_CONTEXT, received, GETTER);
  expect(seen).toEqual([["x-theirs"], undefined, undefined]);
  expect(extracted.getValue(Symbol.for("theirs"))).toBe("1");
  expect(propagation.getBaggage(extracted)?.getEntry("user")?.value).toBe("2");
});

test("REG-82 a registered propagator that throws leaves the baggage to be read and written", () => {
  const registered: TextMapPropagator = {
    inject() {
      throw new Error("refused");
    },
    extract() {
      throw new Error("refused");
    },
    fields: () => ["baggage"],
  };
  const carrier: Record<string, string> = {};
  decorated(registered).inject(contextWith("1"), carrier, SETTER);
  expect(carrier).toEqual({ baggage: "user=1" });
  const extracted = decorated(registered).extract(ROOT_CONTEXT, carrier, GETTER);
  expect(propagation.getBaggage(extracted)?.getEntry("user")?.value).toBe("1");
});

test("REG-83 the fields are those of both, and say whether baggage is among what is passed on", () => {
  const composite = new CompositePropagator({
    propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
  });
  expect(decorated(composite).fields().sort()).toEqual(["baggage", "traceparent", "tracestate"]);
  expect(carriesBaggage(composite)).toBe(true);
  expect(carriesBaggage(new W3CTraceContextPropagator())).toBe(false);
});
