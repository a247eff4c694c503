import { TEST_HEADER, testToken } from "../src/adapter.ts";
import type { ExperimentKey, Experiments, FieldName, Fields, FieldValueOf, Registry, VariantOf } from "../src/index.ts";

/** The variants that a test's request has, by experiment key; undefined means none. */
export type TestVariants<R extends Registry> = { readonly [K in ExperimentKey<R>]?: VariantOf<R, K> | undefined };

/** The fields that a test's request has, by name; undefined means none. */
export type TestFields<F extends Fields> = { readonly [K in FieldName<F>]?: FieldValueOf<F, K> | undefined };

/**
 * The header with which a request brings variants and fields to a server of the same process, such as that of an
 * integration test. A client that is not wrapped cannot bring them in `baggage`, since the process-wide stop takes them
 * off. The server judges them by `trustInbound`, as if the request had them in `baggage`. The header can be sent again.
 * It means nothing in another process, and nothing to experiments that are not `strict`. The 1,024 latest are kept.
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
