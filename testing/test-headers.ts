import { TEST_HEADER, testToken } from "../src/adapter.ts";
import type { ExperimentKey, Experiments, FieldName, Fields, FieldValueOf, Registry, VariantOf } from "../src/index.ts";

/** The variants of a test's request, by experiment key. Undefined means none. */
export type TestVariants<R extends Registry> = { readonly [K in ExperimentKey<R>]?: VariantOf<R, K> | undefined };

/** The fields of a test's request, by name. Undefined means none. */
export type TestFields<F extends Fields> = { readonly [K in FieldName<F>]?: FieldValueOf<F, K> | undefined };

/**
 * The header with which a request brings variants and fields to a server in the same process, such as an integration
 * test's. A client that is not wrapped cannot send them in `baggage`, because the process-wide stop removes them. The
 * server trusts them as `trustInbound` says, as if they were in `baggage`. The header can be sent repeatedly. In
 * another process it has no effect, nor for experiments that are not `strict`. The 1,024 latest headers are kept.
 *
 * @throws ExperimentConfigError if the experiments are not `strict`
 * @throws ExperimentUsageError for an unknown experiment, variant or field, and for a value that a field does not take
 * @example await request(app).get("/").set(testHeaders(experiments, { checkout: "express" }));
 */
export function testHeaders<R extends Registry, F extends Fields>(
  experiments: Experiments<R, F>,
  variants: TestVariants<NoInfer<R>>,
  fields: TestFields<NoInfer<F>> = {},
): Record<string, string> {
  return { [TEST_HEADER]: testToken(experiments, variants, fields) };
}
