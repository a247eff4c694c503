import { randomUUID } from "node:crypto";
import { assignmentByKey } from "../assignment/catalog.ts";
import { setBounded } from "../checks/bounded-map.ts";
import { infoOnce } from "../checks/diagnostics.ts";
import { ExperimentConfigError, ExperimentUsageError } from "../checks/errors.ts";
import { givenEntries } from "../checks/given-entries.ts";
import type { HeaderGetter } from "../http/shapes.ts";
import { setField } from "../instance/field-setting.ts";
import type { Instance } from "../instance/instance.ts";
import { processWide } from "../process-wide.ts";
import { RequestScope } from "../scope/request-scope.ts";

/**
 * The header by which a request of a test brings own members, since the process-wide stop takes them off its `baggage`.
 * Its value is a random token, which only the process that made it accepts, and only for strict instances.
 */
export const TEST_HEADER = "otel-experiments-test";

/** Beyond this many tokens, the oldest ones are dropped. */
const MAX_TOKENS = 1024;

/** The own members of each token, as in a `baggage` header; the oldest token first. */
const membersByToken = processWide("test-requests.v1", () => new Map<string, string>());

/**
 * Keeps own members for requests that bring the token in `TEST_HEADER`. It can be sent any number of times.
 *
 * @param variants by experiment key; undefined means none
 * @param fields values of declared fields, by name; undefined means none
 * @returns the token
 * @throws ExperimentConfigError if the instance is not strict
 * @throws ExperimentUsageError for an unknown experiment, variant or field, and for a value that a field does not take
 */
export function testToken(instance: Instance, variants: unknown, fields: unknown): string {
  if (!instance.options.strict) {
    throw new ExperimentConfigError(
      "ERR_OPTION_VALUE",
      'testHeaders needs strict experiments; set NODE_ENV to "test" before createExperiments, or write strict: true',
    );
  }
  const members = [...variantMembers(instance, variants), ...fieldMembers(instance, fields)].join(",");
  const token = randomUUID();
  setBounded(membersByToken(), token, members, MAX_TOKENS);
  return token;
}

/** Whether a request brings a token of this process. */
export function isOfTest(header: HeaderGetter): boolean {
  return membersByToken().has(String(header(TEST_HEADER)));
}

/** The own members for a request's `TEST_HEADER`; undefined if there are none. */
export function testMembersOf(header: HeaderGetter): string | undefined {
  const received = header(TEST_HEADER);
  if (received === undefined) return undefined;
  const members = membersByToken().get(String(received));
  if (members === undefined) {
    infoOnce("test-request", `the ${TEST_HEADER} header of a request is not from this process, so it was ignored`);
  }
  return members === "" ? undefined : members;
}

function variantMembers({ catalog, report }: Instance, variants: unknown): readonly string[] {
  return givenEntries("variants of testHeaders", variants).flatMap(([key, variant]) => {
    if (!catalog.checkKey(key, report) || !catalog.checkVariant(key, variant, report)) return [];
    if (typeof variant !== "string") return [];
    return [assignmentByKey(catalog, key, variant).members];
  });
}

/** Uses a scope without a request, so that values are checked and written as in a request. */
function fieldMembers(instance: Instance, fields: unknown): readonly string[] {
  const scope = new RequestScope(instance, undefined);
  for (const [name, value] of givenEntries("fields of testHeaders", fields)) {
    if (setField(instance, scope, name, value)) continue;
    throw new ExperimentUsageError("ERR_FIELD_VALUE", `the value given to ${name} looks like a secret; write another`);
  }
  return scope.fields.members;
}
